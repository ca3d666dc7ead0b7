package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// quietWithin is how long a stream may say nothing before it is taken for dead; heartbeats come much more often.
const quietWithin = time.Minute

// Events tells of what changes at the collector until the stream ends, by the names of the events; hello is the first. It reads no
// data: whoever is told asks again.
func (c *Client) Events(ctx context.Context, query url.Values, told func(name string)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	req, err := c.request(ctx, Request{Method: http.MethodGet, Path: "/events", Query: query})
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "text/event-stream")
	with := *c.http
	with.Timeout = 0
	quiet := time.AfterFunc(quietWithin, func() { cancel(fmt.Errorf("the collector said nothing for %s", quietWithin)) })
	defer quiet.Stop()
	resp, err := with.Do(req)
	if err != nil {
		return fmt.Errorf("reach collector at %s: %w", c.base.Host, unwrapURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 400 {
		body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		if err != nil {
			return fmt.Errorf("read answer of /events: %w", err)
		}
		return problem(resp, body)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		quiet.Reset(quietWithin)
		if name, ok := strings.CutPrefix(lines.Text(), "event:"); ok {
			told(strings.TrimSpace(name))
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	return io.EOF
}
