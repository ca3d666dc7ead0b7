package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// pageToken is next_page_token: a position, tied to the question it belongs to, so that a client that changes
// the filter half-way is told so instead of getting a list with holes.
type pageToken struct {
	Question string `json:"q"`
	After    string `json:"a"`
}

// questionOf names a question by everything that decides which items it has and in which order.
func questionOf(parts ...string) string {
	sum := sha256.Sum256([]byte(store.Key(parts...)))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func nextToken(question, after string) (string, error) {
	if after == "" {
		return "", nil
	}
	b, err := json.Marshal(pageToken{Question: question, After: after})
	if err != nil {
		return "", fmt.Errorf("encode page token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func readToken(question, token string) (after string, err error) {
	if token == "" {
		return "", nil
	}
	bad := func(why string) error {
		return problem(http.StatusBadRequest, "page_token does not fit this question. Begin at the first page of the list.").at("query.page_token", why)
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", bad("is not what next_page_token was")
	}
	var t pageToken
	if err := json.Unmarshal(b, &t); err != nil || t.After == "" {
		return "", bad("is not what next_page_token was")
	}
	if t.Question != question {
		return "", bad("belongs to another filter, order or moment")
	}
	return t.After, nil
}

func (in *ListIn) size() int {
	if in.PageSize == 0 {
		return 50
	}
	return in.PageSize
}

// small answers a list that fits in memory (agents, connections, kinds): the same filter language, order and
// paging as the lists that the store answers, with the properties of the document as fields.
func small[T any](s *Server, in *ListIn, items []T, id func(T) string, defaultOrder string) (*out[rest.List[T]], error) {
	fields := fieldsOf[T]()
	fields.nameWithin(items)
	where, _, err := s.parseFilter(in.Filter, fields)
	if err != nil {
		return nil, err
	}
	orderBy := in.OrderBy
	if strings.TrimSpace(orderBy) == "" {
		orderBy = defaultOrder
	}
	order, err := s.parseOrder(orderBy, fields)
	if err != nil {
		return nil, err
	}
	question := questionOf(fmt.Sprintf("%T", items), in.Filter, orderBy)
	after, err := readToken(question, in.PageToken)
	if err != nil {
		return nil, err
	}
	rows, err := matching(items, id, fields, where, order)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(rows, compareRows[T](order))
	list := rest.List[T]{Items: []T{}, TotalSize: len(rows)}
	if after != "" {
		pos, err := store.DecodeCursor(after, order)
		if err != nil {
			return nil, err
		}
		start := slices.IndexFunc(rows, func(r smallRow[T]) bool { return compareRows[T](order)(r, smallRow[T]{cursor: pos}) > 0 })
		if start < 0 {
			start = len(rows)
		}
		rows = rows[start:]
	}
	if len(rows) > in.size() {
		rows = rows[:in.size()]
		last, err := rows[len(rows)-1].cursor.Encode(order)
		if err != nil {
			return nil, err
		}
		if list.NextPageToken, err = nextToken(question, last); err != nil {
			return nil, err
		}
	}
	for _, r := range rows {
		list.Items = append(list.Items, r.item)
	}
	return &out[rest.List[T]]{Body: list}, nil
}

type smallRow[T any] struct {
	item   T
	cursor store.Cursor
}

func matching[T any](items []T, id func(T) string, fields *fieldSet, where filter.Expr, order []store.Order) ([]smallRow[T], error) {
	rows := make([]smallRow[T], 0, len(items))
	for _, item := range items {
		var doc []byte
		var err error
		if where == nil {
			doc, err = fields.placed(item, order)
		} else {
			doc, err = fields.document(item)
		}
		if err != nil {
			return nil, err
		}
		if !filter.Match(where, doc) {
			continue
		}
		cursor, err := store.CursorOf(order, store.Row{ID: id(item), Doc: doc})
		if err != nil {
			return nil, fmt.Errorf("place item: %w", err)
		}
		rows = append(rows, smallRow[T]{item: item, cursor: cursor})
	}
	return rows, nil
}

// compareRows orders as the stores do: missing values last in either direction, ties by id.
func compareRows[T any](order []store.Order) func(a, b smallRow[T]) int {
	return func(a, b smallRow[T]) int {
		for i, o := range order {
			x, y := a.cursor.Values[i], b.cursor.Values[i]
			switch {
			case x == nil && y == nil:
				continue
			case x == nil:
				return 1
			case y == nil:
				return -1
			}
			c, _ := filter.CompareValues(x, y)
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return strings.Compare(a.cursor.ID, b.cursor.ID)
	}
}

// chosenFields cuts the items of a list down to what the parameter fields names.
func chosenFields(ctx huma.Context, status string, v any) (any, error) {
	chosen := ctx.Query("fields")
	if chosen == "" || !strings.HasPrefix(status, "2") || ctx.Operation().Method != http.MethodGet {
		return v, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode list: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var list map[string]any
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("decode list: %w", err)
	}
	items, ok := list["items"].([]any)
	if !ok {
		return v, nil
	}
	paths := [][]string{{"id"}}
	for p := range strings.SplitSeq(chosen, ",") {
		if p = strings.TrimSpace(p); p != "" {
			paths = append(paths, strings.Split(p, "."))
		}
	}
	for i, item := range items {
		if m, ok := item.(map[string]any); ok {
			items[i] = only(m, paths)
		}
	}
	return list, nil
}

func only(m map[string]any, paths [][]string) map[string]any {
	kept := map[string]any{}
	deeper := map[string][][]string{}
	for _, p := range paths {
		v, ok := m[p[0]]
		if !ok {
			continue
		}
		if len(p) == 1 {
			kept[p[0]] = v
			continue
		}
		deeper[p[0]] = append(deeper[p[0]], p[1:])
	}
	for name, rest := range deeper {
		if _, whole := kept[name]; whole {
			continue
		}
		switch v := m[name].(type) {
		case map[string]any:
			kept[name] = only(v, rest)
		case []any:
			list := make([]any, 0, len(v))
			for _, e := range v {
				if em, ok := e.(map[string]any); ok {
					list = append(list, only(em, rest))
				}
			}
			kept[name] = list
		}
	}
	return kept
}
