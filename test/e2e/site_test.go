//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// info is dev.json.
type info struct {
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	APIToken string `json:"api_token"`
}

// vcenter is what maestro-demo says when it is ready.
type vcenter struct {
	URL        string `json:"url"`
	Username   string `json:"username"`
	Password   string `json:"password"`
	Thumbprint string `json:"thumbprint"`
}

// dev is a running `maestro dev --demo`.
type dev struct {
	*process
	api
	work, data string
	info       info
	demo       vcenter
}

// startDev runs `maestro dev --demo` in a workshop until it says that it is ready.
func startDev(t *testing.T, work string, machines int) *dev {
	t.Helper()
	d := &dev{work: work, data: filepath.Join(work, "data")}
	d.process = start(t, filepath.Join(work, "bin", "maestro"), "dev", "--demo", "--machines", fmt.Sprint(machines),
		"--listen", "127.0.0.1:0", "--data-dir", d.data, "--bin-dir", filepath.Join(work, "bin"))
	eventually(t, "maestro dev is ready", time.Minute, func() bool {
		select {
		case <-d.done:
			t.Fatalf("maestro dev ended with %d:\n%s", d.code, d.out)
		default:
		}
		return strings.Contains(d.out.String(), "Maestro is ready")
	})
	readJSON(t, filepath.Join(d.data, "dev.json"), &d.info)
	readJSON(t, filepath.Join(d.data, "demo-ready.json"), &d.demo)
	d.api = api{t: t, base: d.info.URL, token: d.info.APIToken}
	return d
}

// stop is Ctrl-C; nothing may stay behind.
func (d *dev) stop() {
	d.t.Helper()
	if code := d.end(d.t, syscall.SIGINT); code != 0 {
		d.t.Errorf("maestro dev ended with %d after Ctrl-C:\n%s", code, d.out)
	}
	noneLeft(d.t, d.work, time.Second)
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
}

// api asks the human plane as any HTTP client would.
type api struct {
	t     *testing.T
	base  string
	token string
	// cookie of a person's session, for what a token cannot ask.
	cookie string
}

var plainClient = &http.Client{Timeout: 20 * time.Second}

// try makes one call and answers status and body; an error is one of the network.
func (a api) try(method, path string, body any) (int, []byte, error) {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, nil, err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), method, a.base+"/api/v1"+path, in)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if a.token != "" {
		req.Header.Set("Authorization", "Bearer "+a.token)
	}
	if a.cookie != "" {
		req.AddCookie(&http.Cookie{Name: "maestro_session", Value: a.cookie})
	}
	res, err := plainClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// call must succeed.
func (a api) call(method, path string, body, into any) {
	a.t.Helper()
	status, b, err := a.try(method, path, body)
	if err == nil && status >= 300 {
		err = fmt.Errorf("status %d: %s", status, b)
	}
	if err == nil && into != nil {
		err = json.Unmarshal(b, into)
	}
	if err != nil {
		a.t.Fatalf("%s %s: %v", method, path, err)
	}
}

func (a api) get(path string, into any) {
	a.t.Helper()
	a.call(http.MethodGet, path, nil, into)
}

// page is one page of any list.
type page[T any] struct {
	Items         []T    `json:"items"`
	NextPageToken string `json:"next_page_token"`
}

// list reads all pages.
func list[T any](a api, path string) []T {
	a.t.Helper()
	var all []T
	for token := ""; ; {
		var p page[T]
		a.get(path+"?page_size=1000&page_token="+url.QueryEscape(token), &p)
		all = append(all, p.Items...)
		if token = p.NextPageToken; token == "" {
			return all
		}
	}
}

// resource is what the tests look at of one.
type resource struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	Name       string          `json:"name"`
	State      string          `json:"state"`
	Version    int             `json:"version"`
	Attributes json.RawMessage `json:"attributes"`
	Datacenter struct {
		Name string `json:"name"`
	} `json:"datacenter"`
}

type connection struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}
