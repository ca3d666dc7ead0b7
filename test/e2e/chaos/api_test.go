//go:build e2e

package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"maestro.internal/internal/rest"
)

// binaries is the folder of what was built. On a user's machine a test without it skips; in CI it fails.
func binaries(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "maestro")); err != nil {
		if os.Getenv("MAESTRO_E2E_REQUIRED") != "" {
			t.Fatalf("the binaries are not built: run `make build` (%v)", err)
		}
		t.Skip("the binaries are not built: run `make e2e`, which does")
	}
	return dir
}

// info is how to reach a collector.
type info struct {
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	APIToken string `json:"api_token"`
}

// ask calls the API.
func ask(ctx context.Context, i info, method, path string, query url.Values, body, into any) (int, []byte, error) {
	var reader io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		reader = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, i.URL+path+"?"+query.Encode(), reader)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+i.APIToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return resp.StatusCode, nil, err
	}
	if into != nil && resp.StatusCode < 300 {
		err = json.Unmarshal(b, into)
	}
	return resp.StatusCode, b, err
}

// all reads a list to its end.
func all[T any](t *testing.T, i info, path string, query url.Values) []T {
	t.Helper()
	var out []T
	q := url.Values{"page_size": {"500"}}
	for k, v := range query {
		q[k] = v
	}
	for {
		var page rest.List[T]
		status, b, err := ask(t.Context(), i, http.MethodGet, path, q, nil, &page)
		if err != nil || status != http.StatusOK {
			t.Fatalf("GET %s: %d %v %s", path, status, err, b)
		}
		out = append(out, page.Items...)
		if page.NextPageToken == "" {
			return out
		}
		q.Set("page_token", page.NextPageToken)
	}
}

func eventually(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(limit); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}
