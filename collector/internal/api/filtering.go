package api

import (
	"net/http"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// resolver knows the names of a list's filter.
type resolver interface {
	Field(name string) (filter.Field, bool)
	Names() []string
	Enum(name string) []string
}

func (s *Server) parseFilter(text string, fields resolver) (filter.Expr, func(string) bool, error) {
	if text == "" {
		return nil, func(string) bool { return false }, nil
	}
	return nil, nil, problem(http.StatusNotImplemented, "no parser")
}

func (s *Server) parseOrder(text string, fields resolver) ([]store.Order, error) {
	return nil, nil
}
