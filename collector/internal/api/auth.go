package api

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

type contextKey int

const (
	keyCaller contextKey = iota
	keyRequest
)

// request is what is known of a request from its beginning; parts of it are filled in on the way, for the log.
type request struct {
	id        string
	operation string
	caller    string
	tls       bool
	address   string
	cookie    access.Secret
	browser   string
	// language is the one that the request asks for.
	language words.Language
	// start is when the request came, recognised when the caller of one that only reads was known.
	start      time.Time
	recognised time.Time
}

func requestOf(ctx context.Context) *request {
	if r, ok := ctx.Value(keyRequest).(*request); ok {
		return r
	}
	return &request{}
}

func requestID(ctx context.Context) string   { return requestOf(ctx).id }
func operationOf(ctx context.Context) string { return requestOf(ctx).operation }

// gate lets only those through who may do what the operation does: it recognises the caller, asks for the
// browser's proof that the page is ours, and asks access.Decide.
func (s *Server) gate(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	rt, _ := ctx.Operation().Metadata["route"].(route)
	req := requestOf(ctx.Context())
	req.operation = rt.id
	if rt.public {
		if crossSite(r) {
			s.refuse(ctx, crossSiteProblem())
			return
		}
		next(ctx)
		return
	}
	caller, err := s.recognise(r, req)
	if errors.Is(err, access.ErrUnauthenticated) && r.Header.Get("Authorization") == "" && (req.cookie.Reveal() != "" || r.Header.Get("Sec-Fetch-Site") != "") {
		s.refuse(ctx, signedOut())
		return
	}
	if err != nil {
		s.refuse(ctx, s.asProblem(ctx.Context(), err))
		return
	}
	req.caller = caller.Name
	if caller.Cookie && (unsafeMethod(r.Method) && !provenSameSite(r) || rt.events && crossSite(r)) {
		s.refuse(ctx, crossSiteProblem())
		return
	}
	switch access.Decide(caller, rt.action, access.Object{Tenant: caller.Tenant, Anywhere: true}) {
	case access.Hidden:
		s.refuse(ctx, notFound("object"))
	case access.Forbidden:
		if caller.EnrolFirst {
			s.refuse(ctx, problem(http.StatusForbidden, "Administrators of this installation need a second factor. Set one up in your account, or sign in again with its code."))
			return
		}
		s.refuse(ctx, byStanding(caller))
	case access.Allowed:
		next(huma.WithValue(ctx, keyCaller, caller))
	}
}

// byStanding refuses what the caller's role, or what he has in its place, does not allow.
func byStanding(c access.Caller) *problemError {
	groups := strings.Join(c.Groups, ", ")
	switch {
	case groups != "" && c.Level == access.LevelUser:
		return problem(http.StatusForbidden, "The permission groups that you have in place of a role (%s) do not allow this. An administrator can do it or give you the right.", groups)
	case groups != "" && c.Level != access.LevelRole:
		return problem(http.StatusForbidden, "What everybody may do here (%s) does not allow this. An administrator can do it or give you the right.", groups)
	}
	return problem(http.StatusForbidden, "Your role (%s) does not allow this. An administrator can do it or give you the right.", c.Role)
}

// recognise finds out who asks and what was granted to them.
func (s *Server) recognise(r *http.Request, req *request) (access.Caller, error) {
	c, err := s.credentialed(r, req)
	if err != nil {
		return c, err
	}
	if c, err = s.reach(r.Context(), c); err == nil && !unsafeMethod(r.Method) {
		req.recognised = time.Now()
	}
	return c, err
}

// reach completes the grants by what they lead to: what serves clients, the parts of systems, and the connections that may be named.
func (s *Server) reach(ctx context.Context, c access.Caller) (access.Caller, error) {
	if len(c.Clients) > 0 {
		of, err := s.opt.Accounts.Of(ctx, c.Tenant, c.Clients)
		if err != nil {
			return access.Caller{}, err
		}
		for client, has := range of {
			c.Widen(client, has.Accounts)
			c.Widen(client, has.Systems)
			for _, system := range has.Systems {
				if !slices.Contains(c.Systems, system) {
					c.Systems = append(c.Systems, system)
				}
			}
		}
	}
	for _, system := range c.Systems {
		parts, err := s.opt.Inventory.PartsOf(ctx, c.Tenant, system)
		if err != nil {
			return access.Caller{}, err
		}
		c.Widen(system, parts)
	}
	if len(c.Grants) == 0 || c.TenantWide() {
		return c, nil
	}
	connections, err := s.opt.Fleet.Connections(ctx, domainCaller(c))
	if err != nil {
		return access.Caller{}, err
	}
	for _, x := range connections {
		c.Connections = append(c.Connections, x.ID)
	}
	return c, nil
}

func (s *Server) credentialed(r *http.Request, req *request) (access.Caller, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return access.Caller{}, access.ErrUnauthenticated
		}
		c, err := s.opt.Access.FromToken(r.Context(), access.NewSecret(strings.TrimSpace(token)), req.address)
		if wanted := r.Header.Get(headerTenant); err == nil && wanted != "" && wanted != c.Tenant {
			err = problem(http.StatusForbidden, "This token is of the tenant %s. Make one in the tenant that you want to ask.", c.Tenant)
		}
		return c, err
	}
	if req.cookie.Reveal() == "" {
		return access.Caller{}, access.ErrUnauthenticated
	}
	return s.opt.Access.FromCookieIn(r.Context(), req.cookie, req.address, r.Header.Get(headerTenant))
}

func (s *Server) refuse(ctx huma.Context, err error) {
	r, w := humago.Unwrap(ctx)
	writeProblem(w, r, err)
}

// writeProblem answers outside of huma.
func writeProblem(w http.ResponseWriter, r *http.Request, err error) {
	var p *problemError
	if !errors.As(err, &p) {
		p = problem(http.StatusInternalServerError, "The collector could not do this.")
	}
	for k, values := range p.header {
		w.Header()[k] = values
	}
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	// The client is gone when this cannot be written, and nobody else is to be told.
	_ = json.NewEncoder(w).Encode(inLanguage(languageOf(r.Context()), p.Problem))
}

func crossSiteProblem() *problemError {
	return problem(http.StatusForbidden, "This write came with a cookie but without proof that it came from Maestro's own pages. Send the header X-Maestro-CSRF: 1.")
}

func unsafeMethod(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// provenSameSite: a foreign page can neither set this header without a preflight, which nobody answers, nor
// forge the two that the browser sets itself.
func provenSameSite(r *http.Request) bool {
	if crossSite(r) {
		return false
	}
	return r.Header.Get("X-Maestro-CSRF") == "1" || r.Header.Get("Sec-Fetch-Site") == "same-origin" || r.Header.Get("Origin") != ""
}

// crossSite says that the browser itself names another site as the origin.
func crossSite(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "cross-site", "same-site":
		return true
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}

// addressOf is the peer's address; headers that name another one are not believed.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

func cookieOf(r *http.Request) access.Secret {
	c, err := r.Cookie(sessionCookie)
	if err != nil {
		return access.Secret{}
	}
	return access.NewSecret(c.Value)
}

func (s *Server) sessionCookieOf(ctx context.Context, value access.Secret, life int) http.Cookie {
	return http.Cookie{Name: sessionCookie, Value: value.Reveal(), Path: "/", MaxAge: life, HttpOnly: true,
		Secure: s.secure(requestOf(ctx)), SameSite: http.SameSiteLaxMode}
}

func (s *Server) sessionDocument(ctx context.Context, c access.Caller) rest.Session {
	doc := rest.Session{Username: c.Username, Tenant: c.Tenant, TenantName: c.TenantName, Role: string(c.Role), Actions: held(c, access.Object{}), Somewhere: held(c, access.Object{Anywhere: true}), ExpiresAt: c.ExpiresAt,
		Version: s.opt.Version, Engine: s.opt.Engine, Demo: s.opt.Demo, EnrolFirst: c.EnrolFirst, PasswordGiven: c.PasswordGiven, Language: string(c.Speaks), Picture: s.ownPicture(ctx, c), Logo: s.logoOf(ctx, c.Tenant), SignOutURL: s.signOutURL(c)}
	if c.Home != c.Tenant {
		doc.Home = c.Home
	}
	return doc
}
