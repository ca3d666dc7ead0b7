package openstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gophercloud/gophercloud/v2"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// errMarker says that the item after which a page should begin has been deleted meanwhile.
var errMarker = errors.New("the list changed between two pages")

func isDenied(err error) bool { return provider.StatusOf(err) == resource.StatusDenied }

// classify tells the SDK what an error of gophercloud means. What is classified already, and what the caller's context
// ended, stays as it is.
func classify(err error) error {
	var known *provider.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, errMarker) {
		return err
	}
	var renewal *gophercloud.ErrUnableToReauthenticate
	if errors.As(err, &renewal) {
		return renewalError(renewal)
	}
	var code gophercloud.ErrUnexpectedResponseCode
	if errors.As(err, &code) {
		return answered(code)
	}
	e := httpclient.Classify(err)
	if errors.As(e, &known) && known.Certificate != nil {
		known.Certificate.Setting = "/fingerprint"
	}
	if errors.As(e, &known) || errors.Is(err, context.DeadlineExceeded) {
		return e
	}
	return provider.Permanent(err)
}

// renewalError is that of a token which ended and could not be renewed.
func renewalError(e *gophercloud.ErrUnableToReauthenticate) error {
	err := classify(e.ErrReauth)
	if isDenied(err) {
		var known *provider.Error
		errors.As(err, &known)
		return provider.Denied(fmt.Errorf("the token has ended and Keystone gives no new one: %w", known.Err),
			"the credential worked when the run began: check whether it was revoked or has expired")
	}
	return err
}

// answered classifies an answer that is an error.
func answered(code gophercloud.ErrUnexpectedResponseCode) error {
	said := fmt.Errorf("%s %s answers %d %s", code.Method, place(code.URL), code.Actual, strings.TrimSpace(http.StatusText(code.Actual)))
	words := message(code.Body)
	if words != "" {
		said = fmt.Errorf("%w: %s", said, words)
	}
	switch code.Actual {
	case http.StatusRequestEntityTooLarge: // what OpenStack said before there was 429
		return provider.Throttled(said, httpclient.RetryAfter(code.ResponseHeader, time.Now()))
	case http.StatusBadRequest:
		if strings.Contains(strings.ToLower(words), "marker") {
			return fmt.Errorf("%w: %w", errMarker, said)
		}
	case http.StatusNotFound:
		if words != "" || !strings.Contains(code.ResponseHeader.Get("Content-Type"), "html") {
			return provider.Unsupported(said)
		}
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return &provider.Error{Status: resource.StatusFailed, Err: said, Advice: "the service sends its callers elsewhere, which is not followed with a token: have the catalogue's address corrected"}
	}
	e := httpclient.Answer(code.Actual, code.ResponseHeader, code.Body, said)
	var known *provider.Error
	if !errors.As(e, &known) {
		return provider.Permanent(e)
	}
	if known.Status == resource.StatusDenied && known.Advice == "" {
		return provider.Denied(known.Err, denialAdvice(code))
	}
	return e
}

func denialAdvice(code gophercloud.ErrUnexpectedResponseCode) string {
	if strings.HasSuffix(place(code.URL), "/auth/tokens") {
		return "" // signIn knows better
	}
	if code.Actual == http.StatusUnauthorized {
		return "the token is not accepted any more: use an application credential or a password, which renew it"
	}
	return "give the user the role reader in the project (load-balancer_observer for load balancers), or admin to read all projects"
}

// message is what a service says in the body of an error. Each has a form of its own; of what is none of them nothing
// is repeated.
func message(body []byte) string {
	var any map[string]json.RawMessage
	if json.Unmarshal(body, &any) != nil {
		return ""
	}
	for _, key := range []string{"faultstring", "message"} { // Octavia
		var text string
		if json.Unmarshal(any[key], &text) == nil && text != "" {
			return shorten(text)
		}
	}
	for _, inner := range any { // {"error": {"message": ...}}, {"forbidden": ...}, {"NeutronError": ...}
		var said struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(inner, &said) == nil && said.Message != "" {
			return shorten(said.Message)
		}
	}
	return ""
}

func shorten(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= 300 {
		return s
	}
	s = s[:300]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + "..."
}
