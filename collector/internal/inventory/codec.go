package inventory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/sdk/resource"
)

func obsID(tenant, connection, kind, externalID string) string {
	return store.Key(tenant, connection, kind, externalID)
}

// scopeID names a scope within a tenant.
func scopeID(connection, scopeKey string) string { return store.Key(connection, scopeKey) }

func indexID(tenant, scopeID, key string) string { return store.Key(tenant, scopeID, key) }

func chunkID(tenant, connection string, n int) string {
	return store.Key(tenant, connection, fmt.Sprintf("%06d", n))
}

func runChunkID(runID string, n int) string { return store.Key(runID, fmt.Sprintf("%06d", n)) }

func claimID(tenant, kind string, id resource.Identifier) string {
	return store.Key(tenant, kind, id.Type, id.Value)
}

func changeID(resourceID string, version int64) string {
	return fmt.Sprintf("%s/%d", resourceID, version)
}

// changeOf takes apart what changeID made.
func changeOf(id string) (resourceID string, version int64, err error) {
	at := strings.LastIndexByte(id, '/')
	if at < 0 {
		return "", 0, fmt.Errorf("id %q is not a change's", id)
	}
	version, err = strconv.ParseInt(id[at+1:], 10, 64)
	return id[:at], version, err
}

// Wants are the keys by which the far end of a relation is found: by the observation's own key, by an
// identifier within a kind, or by an identifier in whatever kind.
func wantKey(connection, kind, externalID string) string {
	return store.Key("x", connection, kind, externalID)
}
func wantIdentifier(kind string, id resource.Identifier) string {
	if kind == "" {
		return store.Key("i", pairOf(id))
	}
	return store.Key("s", kind, pairOf(id))
}

func pairOf(id resource.Identifier) string { return id.Type + "=" + id.Value }

// uuidOf is a UUIDv8 that is the same for the same parts: what two collectors derive from one observation is one id.
func uuidOf(parts ...string) string {
	sum := sha256.Sum256([]byte(store.Key(parts...)))
	var u uuid.UUID
	copy(u[:], sum[:16])
	u[6] = u[6]&0x0f | 0x80
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}

// resourceID of a thing first seen as the given observation. The last part is the incarnation: splits by hand, a
// later issue, make further ones.
func resourceIDOf(obs string) string { return uuidOf("observation", obs, "0") }

func encodeRow(id, tenant, part string, version int64, doc any) (store.Row, error) {
	b, err := json.Marshal(doc)
	if err != nil {
		return store.Row{}, fmt.Errorf("encode %T %s: %w", doc, id, err)
	}
	return store.Row{ID: id, Tenant: tenant, Part: part, Version: version, Doc: b}, nil
}

func decodeRow[T any](r store.Row) (T, error) {
	var doc T
	if err := json.Unmarshal(r.Doc, &doc); err != nil {
		return doc, fmt.Errorf("decode %T %s: %w", doc, r.ID, err)
	}
	return doc, nil
}

// hashChange is over the change as canonical JSON without its own hash, so that it can be checked on any store.
func hashChange(c changeDoc) (string, error) {
	c.Hash = ""
	b, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("encode change: %w", err)
	}
	v := jsontext.Value(b)
	if err := v.Canonicalize(); err != nil {
		return "", fmt.Errorf("canonicalize change: %w", err)
	}
	sum := sha256.Sum256(v)
	return hex.EncodeToString(sum[:]), nil
}

// canonicalJSON is b in the form in which equal values are equal bytes.
func canonicalJSON(b []byte) ([]byte, error) {
	v := jsontext.Value(append([]byte(nil), b...))
	if err := v.Canonicalize(); err != nil {
		return nil, err
	}
	return v, nil
}

// getChunks reads by id in pieces that every engine takes.
func getChunks(ctx context.Context, r store.Reader, table, tenant, part string, ids []string) (map[string]store.Row, error) {
	const most = 500
	if len(ids) <= most {
		return getRows(ctx, r, table, tenant, part, ids)
	}
	out := make(map[string]store.Row, len(ids))
	for len(ids) > 0 {
		n := min(most, len(ids))
		rows, err := getRows(ctx, r, table, tenant, part, ids[:n])
		if err != nil {
			return nil, err
		}
		for id, row := range rows {
			out[id] = row
		}
		ids = ids[n:]
	}
	return out, nil
}

func getRows(ctx context.Context, r store.Reader, table, tenant, part string, ids []string) (map[string]store.Row, error) {
	if len(ids) == 0 {
		return map[string]store.Row{}, nil
	}
	rows, err := r.Get(ctx, table, tenant, part, ids)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return rows, nil
}

func eq(f filter.Field, v any) filter.Expr { return filter.Compare{Field: f, Op: filter.Eq, Value: v} }

func in(f filter.Field, values []string) filter.Expr {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return filter.In{Field: f, Values: out}
}
