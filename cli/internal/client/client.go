// Package client speaks the collector's REST API for the command line: typed calls, paging, and problem documents
// turned into errors that say what to do.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"maestro.internal/internal/build"
	"maestro.internal/internal/rest"
)

// Client calls one collector.
type Client struct {
	base  *url.URL
	token Secret
	http  *http.Client
	// Tenant that the answers have to be of; empty is the token's.
	Tenant string
	// Looked is told how far the collector looked through a past moment for a list that All reads, and 0 when All is done with one; nil tells nobody.
	Looked func(resources int)
}

// Secret is a token that does not print itself.
type Secret string

func (Secret) String() string   { return "[secret]" }
func (Secret) GoString() string { return "[secret]" }

// MarshalJSON keeps the secret out of documents.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }

// New makes a client for a collector's address such as "https://maestro.example.org".
func New(base string, token Secret, transport http.RoundTripper) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("read collector address %q: want http://host:port or https://host", base)
	}
	return &Client{base: u, token: token, http: &http.Client{Transport: transport, Timeout: time.Minute}}, nil
}

// Address is where people find a page of the collector: as it was told, or, where that is only a path, at the address that we ask.
func (c *Client) Address(page string) string {
	if !strings.HasPrefix(page, "/") {
		return page
	}
	return strings.TrimRight(c.base.String(), "/") + page
}

// WaitFor says how long answers may take that need no longer by themselves; 0 or less is a minute.
func (c *Client) WaitFor(d time.Duration) {
	if d > 0 {
		c.http.Timeout = d
	}
}

// unreached says why there is no answer.
func (c *Client) unreached(err error, waited time.Duration) error {
	var late interface{ Timeout() bool }
	if err = unwrapURL(err); errors.As(err, &late) && late.Timeout() && waited > 0 && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("reach collector at %s: no answer within %s; --timeout waits longer: %w", c.base.Host, waited, err)
	}
	return fmt.Errorf("reach collector at %s: %w", c.base.Host, err)
}

// Error is a problem document (RFC 9457) that the collector answered.
type Error struct {
	Type   string `json:"type"`
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
	Errors []struct {
		Message  string `json:"message"`
		Location string `json:"location"`
	} `json:"errors"`
}

func (e *Error) Error() string {
	text := e.Detail
	if text == "" {
		text = e.Title
	}
	plain := func(s string) string { return strings.ToLower(strings.TrimRight(s, ".")) }
	for _, d := range e.Errors {
		switch {
		case d.Message == "" || strings.Contains(plain(text), plain(d.Message)):
			continue
		case strings.Contains(plain(d.Message), plain(text)): // the same, with the place
			text = d.Message
			continue
		}
		text += "; " + strings.TrimPrefix(d.Location+": ", ": ") + d.Message
	}
	return text
}

// IsStatus says whether err is the collector's answer with that HTTP status.
func IsStatus(err error, status int) bool {
	var e *Error
	return errors.As(err, &e) && e.Status == status
}

// Request is one call.
type Request struct {
	Method string
	// Path below /api/v1, already escaped where needed.
	Path    string
	Query   url.Values
	IfMatch string
	Body    any
	// Within is how long the answer may take; 0 is a minute.
	Within time.Duration
	// Raw is a body that is sent as it is, instead of Body.
	Raw []byte
	// RawType is its media type; empty is any bytes.
	RawType string
	// File is a body that is read as it is sent, instead of Body.
	File io.Reader
	// Outside says that the path is not below /api/v1: /healthz, /metrics.
	Outside bool
}

// uploadWithin is for a large body over a slow line.
const uploadWithin = 5 * time.Minute

// Do makes the call and decodes the answer into out, unless out is nil.
func (c *Client) Do(ctx context.Context, r Request, out any) error {
	req, err := c.request(ctx, r)
	if err != nil {
		return err
	}
	with := *c.http
	with.Timeout = max(r.Within, with.Timeout)
	if r.Raw != nil || r.File != nil {
		with.Timeout = max(with.Timeout, uploadWithin)
	}
	resp, err := with.Do(req)
	if err != nil {
		return c.unreached(err, with.Timeout)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("read answer of %s: %w", r.Path, err)
	}
	if resp.StatusCode >= 400 {
		return problem(resp, body)
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return fmt.Errorf("decode answer of %s: %w", r.Path, err)
	}
	return nil
}

// Copy makes the call and writes the answer to w as it comes.
func (c *Client) Copy(ctx context.Context, r Request, w io.Writer) error {
	req, err := c.request(ctx, r)
	if err != nil {
		return err
	}
	with := *c.http
	with.Timeout = max(r.Within, with.Timeout)
	resp, err := with.Do(req)
	if err != nil {
		return c.unreached(err, with.Timeout)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 400 {
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return fmt.Errorf("read answer of %s: %w", r.Path, err)
		}
		return problem(resp, body)
	}
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("read answer of %s, which is not whole: %w", r.Path, err)
	}
	return nil
}

func (c *Client) request(ctx context.Context, r Request) (*http.Request, error) {
	u := *c.base
	below := "/api/v1"
	if r.Outside {
		below = ""
	}
	escaped := strings.TrimSuffix(u.EscapedPath(), "/") + below + r.Path
	u.Path, u.RawPath = mustUnescape(escaped), escaped
	u.RawQuery = r.Query.Encode()
	var body io.Reader
	kind := "application/json"
	if r.File != nil {
		kind, body = "application/octet-stream", r.File
	} else if r.Raw != nil {
		kind, body = cmp.Or(r.RawType, "application/octet-stream"), bytes.NewReader(r.Raw)
	} else if r.Body != nil {
		b, err := json.Marshal(r.Body)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if r.IfMatch != "" {
		req.Header.Set("If-Match", r.IfMatch)
	}
	if c.Tenant != "" {
		req.Header.Set("X-Maestro-Tenant", c.Tenant)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+string(c.token))
	}
	req.Header.Set("User-Agent", "maestro/"+build.Version())
	return req, nil
}

func mustUnescape(p string) string {
	if u, err := url.PathUnescape(p); err == nil {
		return u
	}
	return p
}

func problem(resp *http.Response, body []byte) error {
	e := &Error{}
	if err := json.Unmarshal(body, e); err != nil || (e.Title == "" && e.Detail == "") {
		e.Title = resp.Status
		if resp.StatusCode == http.StatusRequestHeaderFieldsTooLarge {
			// Too long for the server to have looked at; only a filter can be that long.
			e.Detail = "The question is too long for the collector. A filter has at most 8 KiB."
		}
	}
	e.Status = resp.StatusCode
	return e
}

// unwrapURL drops net/http's prefix, which repeats the whole address.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// Get reads one object.
func Get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	err := c.Do(ctx, Request{Method: http.MethodGet, Path: path, Query: query}, &out)
	return out, err
}

// All reads a list to its end, or to max items (0: no end), page by page. Pages of a past moment may be short, or empty, before its end.
func All[T any](ctx context.Context, c *Client, path string, query url.Values, max int) (rest.List[T], error) {
	var all rest.List[T]
	q := url.Values{}
	for k, v := range query {
		q[k] = v
	}
	looked := func(int) {}
	if c.Looked != nil {
		looked = c.Looked
	}
	defer func() { looked(0) }()
	for {
		page, err := Get[rest.List[T]](ctx, c, path, q)
		if err != nil {
			return all, err
		}
		if page.LookedThrough > 0 {
			looked(page.LookedThrough)
		}
		all.Items = append(all.Items, page.Items...)
		all.TotalSize, all.TotalSizeIsLowerBound = page.TotalSize, page.TotalSizeIsLowerBound
		if max > 0 && len(all.Items) >= max {
			all.Items = all.Items[:max]
			return all, nil
		}
		if page.NextPageToken == "" {
			return all, nil
		}
		q.Set("page_token", page.NextPageToken)
	}
}
