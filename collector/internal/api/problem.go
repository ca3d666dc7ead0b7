package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/account"
	"maestro.internal/collector/internal/fleet"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/rest"
)

// problemError is a problem document on its way out.
type problemError struct {
	rest.Problem
	header http.Header
}

func (e *problemError) Error() string             { return e.Title + ": " + e.Detail }
func (e *problemError) GetStatus() int            { return e.Status }
func (e *problemError) GetHeaders() http.Header   { return e.header }
func (e *problemError) ContentType(string) string { return "application/problem+json" }

func problem(status int, format string, args ...any) *problemError {
	return &problemError{Problem: rest.Problem{Title: http.StatusText(status), Status: status, Detail: fmt.Sprintf(format, args...)}}
}

func (e *problemError) at(location, message string) *problemError {
	e.Errors = append(e.Errors, rest.ProblemDetail{Location: location, Message: message})
	return e
}

func notFound(what string) *problemError {
	return problem(http.StatusNotFound, "There is no such %s, or you may not see it.", what)
}

func unauthenticated() *problemError {
	e := problem(http.StatusUnauthorized, "Sign in, or send an API token as Authorization: Bearer mst_...")
	e.header = http.Header{"Www-Authenticate": {`Bearer realm="maestro"`}}
	return e
}

// signedOut is for a browser, whose user has no token to send.
func signedOut() *problemError {
	e := unauthenticated()
	e.Detail = problem(http.StatusUnauthorized, "You are not signed in, or not any more. Sign in.").Detail
	return e
}

func stale(current int64) *problemError {
	e := problem(http.StatusPreconditionFailed, "Somebody else changed it meanwhile; it is at version %d now. Read it again, then repeat your edit.", current)
	e.CurrentVersion = current
	e.header = http.Header{"Etag": {etag(current)}}
	return e
}

// asProblem is the one mapping from errors of the domain to what a client reads. What it does not know is the
// collector's own fault, told in the log and not to the client.
func (s *Server) asProblem(ctx context.Context, err error) error {
	var (
		p          *problemError
		staleErr   *inventory.StaleError
		invalid    *inventory.InvalidError
		conflict   *inventory.ConflictError
		badAccess  *access.InvalidError
		limited    *access.LimitedError
		large      *fleet.TooLargeError
		denied     *account.DeniedError
		inFilter   *inventory.FilterError
		huma422    huma.StatusError
		operation  = operationOf(ctx)
		unexpected = func() error {
			id := requestID(ctx)
			s.opt.Log.ErrorContext(ctx, "answer request", "operation", operation, "request_id", id, "error", err)
			return problem(http.StatusInternalServerError, "The collector could not do this. Quote %s to whoever runs it: its log says why.", id)
		}
	)
	switch {
	case errors.As(err, &p):
		return p
	case pictureProblem(err) != nil:
		return pictureProblem(err)
	case approvalProblem(err) != nil:
		return approvalProblem(err)
	case peopleProblem(err) != nil:
		return peopleProblem(err)
	case errors.As(err, &denied):
		return problem(http.StatusForbidden, "%s", denied.Problem)
	case errors.As(err, &staleErr):
		return stale(staleErr.Current)
	case errors.As(err, &invalid):
		return problem(http.StatusUnprocessableEntity, "%s", sentence(ofField(invalid.Pointer, invalid.Problem))).at(bodyLocation(invalid.Pointer), invalid.Problem)
	case errors.As(err, &inFilter):
		return filterProblem("filter", inFilter.Problem)
	case errors.Is(err, inventory.ErrTooBroad):
		return problem(http.StatusBadRequest, "%s", sentence(err.Error())).at("query.filter", "goes through too much")
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "%s", sentence(large.Error()))
	case errors.As(err, &conflict):
		return problem(http.StatusConflict, "%s", sentence(conflict.Error()))
	case errors.As(err, &badAccess):
		return problem(http.StatusUnprocessableEntity, "%s", sentence(ofField(badAccess.Field, badAccess.Problem))).at("body."+badAccess.Field, badAccess.Problem)
	case errors.As(err, &limited):
		seconds := int(math.Ceil(limited.RetryAfter.Seconds()))
		e := tooMany(seconds)
		e.RetryAfterSeconds = seconds
		e.header = http.Header{"Retry-After": {strconv.Itoa(seconds)}}
		return e
	case errors.Is(err, access.ErrUnauthenticated):
		return unauthenticated()
	case errors.Is(err, inventory.ErrHorizon):
		return problem(http.StatusGone, "%s", sentence(err.Error()))
	case errors.Is(err, inventory.ErrReviewed):
		return problem(http.StatusConflict, "This review item was decided already.")
	case errors.Is(err, inventory.ErrNotHeld):
		return problem(http.StatusConflict, "This removal was decided already.")
	case errors.Is(err, inventory.ErrForbidden), errors.Is(err, access.ErrForbidden):
		if c, ok := ctx.Value(keyCaller).(access.Caller); ok && len(c.Grants) == 0 {
			return byStanding(c)
		}
		return problem(http.StatusForbidden, "What was granted to you does not allow this here. Who administers it can do it or give you the right.")
	case errors.Is(err, store.ErrNotFound):
		return notFound("object")
	case errors.Is(err, store.ErrBadCursor):
		return problem(http.StatusBadRequest, "page_token does not belong to this list. Begin at its first page.").at("query.page_token", "is no position of this list")
	case errors.As(err, &huma422):
		return err
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return problem(499, "The client went away.")
	case errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "This took too long. Narrow the question, or try again.")
	}
	return unexpected()
}

func bodyLocation(pointer string) string {
	if pointer == "" {
		return "body"
	}
	return "body" + strings.ReplaceAll(pointer, "/", ".")
}

// tooLarge is how huma words it.
var tooLarge = regexp.MustCompile(`^request body is too large limit=(\d+) bytes$`)

// bytesInWords is a limit, which is given in whole MiB or KiB where it is one.
func bytesInWords(text string) string {
	switch n, err := strconv.ParseInt(text, 10, 64); {
	case err != nil || n%1024 != 0:
		return text + " bytes"
	case n%(1<<20) != 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	default:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	}
}

// plainProblem turns what huma itself found wrong into our problem document. Values that stood in a body are
// not echoed: they may be passwords.
func plainProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	if at := tooLarge.FindStringSubmatch(m.Detail); at != nil {
		return &problem(http.StatusRequestEntityTooLarge, "This is too large: up to %s may be sent here.", bytesInWords(at[1])).Problem, nil
	}
	p := &rest.Problem{Title: m.Title, Status: m.Status, Detail: sentence(m.Detail)}
	for _, d := range m.Errors {
		detail := rest.ProblemDetail{Message: inWords(d.Message), Location: d.Location}
		if text, ok := d.Value.(string); ok && !strings.HasPrefix(d.Location, "body") && len(text) <= 200 {
			detail.Value = text
		}
		p.Errors = append(p.Errors, detail)
	}
	if len(p.Errors) > 0 && m.Detail == "validation failed" {
		p.Detail = sentence(ofField(p.Errors[0].Location, p.Errors[0].Message))
	}
	return p, nil
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// ifMatch reads the version that an edit is based on.
func ifMatch(header string) (int64, error) {
	text := strings.TrimSpace(header)
	if text == "" {
		return 0, problem(http.StatusPreconditionRequired, "Send If-Match with the version that you edited, as the ETag had it.").at("header.If-Match", "is missing")
	}
	text = strings.Trim(strings.TrimPrefix(text, "W/"), `"`)
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 {
		return 0, problem(http.StatusBadRequest, "If-Match must be one version, as the ETag had it.").at("header.If-Match", "is no version")
	}
	return v, nil
}

func isNotFound(err error) bool { return errors.Is(err, store.ErrNotFound) }

// isMissing says that it is the answer to what is not there.
func isMissing(err error) bool {
	var p *problemError
	return errors.As(err, &p) && p.Status == http.StatusNotFound
}

// orNotFound says what was not found; other errors pass.
func orNotFound(err error, what string) error {
	if isNotFound(err) {
		return notFound(what)
	}
	return err
}

// signInProblem does not tell a wrong name from a wrong password.
func (s *Server) signInProblem(err error) error {
	if errors.Is(err, access.ErrUnauthenticated) && s.opt.SignIn.NoPasswords {
		return problem(http.StatusUnauthorized, "Username or password is wrong. Passwords of the collector's own are switched off here: sign in as you do elsewhere in your organisation.")
	}
	if errors.Is(err, access.ErrUnauthenticated) {
		return problem(http.StatusUnauthorized, "Username or password is wrong.")
	}
	return err
}

// tooMany says how long somebody has to wait, not shorter than it is.
func tooMany(seconds int) *problemError {
	switch {
	case seconds >= 2*3600:
		return problem(http.StatusTooManyRequests, "Too many attempts failed. Try again in %d hours.", (seconds+3599)/3600)
	case seconds >= 120:
		return problem(http.StatusTooManyRequests, "Too many attempts failed. Try again in %d minutes.", (seconds+59)/60)
	}
	return problem(http.StatusTooManyRequests, "Too many attempts failed. Try again in %d seconds.", seconds)
}
