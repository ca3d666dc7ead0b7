package feed

import (
	"encoding/json"
	"fmt"
	"time"

	"maestro.internal/collector/internal/audit"
)

// record is an entry as receivers get it, in the words of the REST API.
type record struct {
	ID      string         `json:"id"`
	Tenant  string         `json:"tenant"`
	At      time.Time      `json:"at"`
	Actor   string         `json:"actor"`
	Action  string         `json:"action"`
	Object  *audit.Ref     `json:"object,omitempty"`
	Outcome string         `json:"outcome"`
	Address string         `json:"address,omitempty"`
	Reason  string         `json:"reason,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
}

func encode(e audit.Entry) ([]byte, error) {
	b, err := json.Marshal(record(e))
	if err != nil {
		return nil, fmt.Errorf("encode audit entry %s: %w", e.ID, err)
	}
	return b, nil
}
