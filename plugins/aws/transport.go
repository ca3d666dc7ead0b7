package aws

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// whole refuses successful answers that Amazon's library would read as an empty list: no body at all, and the page
// of a proxy, which is XML enough for it. Taken for an answer they would prove that everything is gone.
type whole struct{ base http.RoundTripper }

func (w whole) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.base.RoundTrip(req)
	if err != nil || resp.StatusCode/100 != 2 {
		return resp, err
	}
	start := bufio.NewReaderSize(resp.Body, 512)
	head, err := start.Peek(64)
	head = bytes.ToLower(bytes.TrimSpace(head))
	switch {
	case len(head) == 0 && err != nil && !errors.Is(err, io.EOF):
		err = fmt.Errorf("read the answer: %w", err)
	case len(head) == 0:
		err = provider.Unreachable(fmt.Errorf("%s answers %d without a body", req.URL.Host, resp.StatusCode))
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")):
		err = &provider.Error{Status: resource.StatusFailed, Err: fmt.Errorf("%s answers with a web page, not as AWS does", req.URL.Host),
			Advice: "check the endpoint, and whether a proxy or sign-in page is in between"}
	default:
		resp.Body = struct {
			io.Reader
			io.Closer
		}{start, resp.Body}
		return resp, nil
	}
	_ = resp.Body.Close() // what it would say is of no use any more
	return nil, err
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the transport below.
func (w whole) CloseIdleConnections() {
	if c, ok := w.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
