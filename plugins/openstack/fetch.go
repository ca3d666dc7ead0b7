package openstack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/gophercloud/gophercloud/v2"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
)

// maxAnswer bounds one answer. A page of 500 servers is about 2 MiB.
const maxAnswer = 64 << 20

// pageSize is what a page is asked to have; services answer fewer if their operator says so.
const pageSize = "500"

// get asks a service for a path below its base.
func (s *service) get(ctx context.Context, path string, query url.Values, into any) error {
	if err := s.negotiate(ctx); err != nil {
		return err
	}
	return s.fetch(ctx, s.base+path, query, into)
}

// fetch makes one request and reads its answer to the end. Its errors are classified.
func (s *service) fetch(ctx context.Context, address string, query url.Values, into any) error {
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	resp, err := s.client.Get(ctx, address, nil, &gophercloud.RequestOpts{OkCodes: []int{200, 203, 204, 300}, KeepResponseBody: true})
	if err != nil {
		return classify(err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	switch {
	case err != nil:
		return classify(fmt.Errorf("read answer of %s: %w", place(address), err))
	case len(body) > maxAnswer:
		return provider.Permanent(fmt.Errorf("the answer of %s is larger than %d MiB", place(address), maxAnswer>>20))
	case resp.StatusCode == http.StatusNoContent:
		body = []byte("[]")
	}
	if err := json.Unmarshal(body, into); err != nil {
		return badBody(address, resp, body, err)
	}
	return nil
}

// badBody says what an answer is that is no JSON: a page of some proxy, half an answer, or neither.
func badBody(address string, resp *http.Response, body []byte, err error) error {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) || strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		e := httpclient.Answer(resp.StatusCode, resp.Header, body, fmt.Errorf("the answer of %s is no JSON", place(address)))
		var known *provider.Error
		if errors.As(e, &known) {
			return e
		}
		return provider.Permanent(e)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) && syntax.Offset >= int64(len(body)) {
		return provider.Unreachable(fmt.Errorf("the answer of %s is not whole: it ends after %d bytes", place(address), len(body)))
	}
	return provider.Permanent(fmt.Errorf("the answer of %s is not of the form expected: %w", place(address), err))
}

// place is an address without query, for messages.
func place(address string) string {
	path, _, _ := strings.Cut(address, "?")
	return path
}
