package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/oidc"
	"maestro.internal/internal/rest"
)

// SignIn says which ways in there are beside passwords of the collector's own.
type SignIn struct {
	// OIDC is nil when there is none; Provider is what follows from what it proves.
	OIDC     *oidc.Provider
	Provider access.Provider
	// Directory is what people call the directory; empty is none.
	Directory string
	// NoPasswords says that only the break-glass administrator has one.
	NoPasswords bool
	// Mail says that links can be sent.
	Mail bool
}

const (
	startPath     = prefix + "/session/oidc/start"
	callbackPath  = prefix + "/session/oidc/callback"
	ticketCookie  = "maestro_sign_in"
	pendingCookie = "maestro_pending"
	ticketMaxAge  = 15 * 60
	pendingMaxAge = 5 * 60
)

// CallbackPath is where a provider sends browsers back to.
const CallbackPath = callbackPath

func (s *Server) providerRoutes() {
	handle(s, route{method: "GET", path: "/session/ways", id: "list-sign-in-ways", tag: "session", public: true,
		summary: "Which ways to sign in there are"}, s.ways)
	handle(s, route{method: "POST", path: "/session/code", id: "sign-in-code", tag: "session", public: true,
		summary: "Bring the code of the second factor after a provider has proven who it is"}, s.signInCode)
	handle(s, route{method: "DELETE", path: "/session/providers/{id}", id: "unlink-provider", tag: "session", action: access.Self,
		summary: "Take one's own link to a sign-in provider; the last way to sign in stays"}, s.unlinkProvider)
	handle(s, route{method: "DELETE", path: "/users/{username}/providers", id: "unlink-user", tag: "users", action: access.ManageUsers,
		summary: "Take all links to sign-in providers from a user; sessions end"}, s.unlinkUser)
	if s.opt.SignIn.OIDC != nil {
		// For browsers only: they are sent from page to page, which is no operation with documents.
		s.mux.HandleFunc("GET "+startPath, s.startProvider)
		s.mux.HandleFunc("GET "+callbackPath, s.finishProvider)
	}
}

func (s *Server) ways(ctx context.Context, _ access.Caller, _ *empty) (*out[rest.SignInWays], error) {
	o := s.opt.SignIn
	w := rest.SignInWays{Passwords: true, Forgotten: o.Mail && !o.NoPasswords, Directory: o.Directory, Logo: s.logoOf(ctx, access.HomeTenant), Providers: []rest.SignInProvider{}}
	if o.OIDC != nil {
		w.Providers = append(w.Providers, rest.SignInProvider{ID: o.Provider.ID, Name: o.Provider.Name, Start: startPath})
	}
	return &out[rest.SignInWays]{Body: w}, nil
}

func (s *Server) unlinkUser(ctx context.Context, c access.Caller, in *UserIn) (*none, error) {
	return nothing(s.opt.Access.UnlinkExternal(ctx, c, in.Username), "user")
}

func (s *Server) unlinkProvider(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if o := s.opt.SignIn; o.OIDC == nil || in.ID != o.Provider.ID {
		return nil, notFound("sign-in provider")
	}
	return nothing(s.opt.Access.UnlinkOwn(ctx, c, s.opt.SignIn.Provider), "user")
}

// secure says that a cookie is for encrypted connections only: those that come so, and all where people reach us so.
func (s *Server) secure(r *request) bool {
	u, err := url.Parse(s.opt.PublicURL)
	return r.tls || err == nil && u.Scheme == "https" && s.opt.BehindTLS
}

func (s *Server) passing(r *request, name string, value access.Secret, life int) *http.Cookie {
	return &http.Cookie{Name: name, Value: value.Reveal(), Path: prefix + "/session", MaxAge: life, HttpOnly: true, Secure: s.secure(r), SameSite: http.SameSiteLaxMode}
}

// startProvider sends a browser to the provider. With link it is to be linked to the account that is signed in: that only our
// own page may begin, or somebody else could have his own sign-in linked.
func (s *Server) startProvider(w http.ResponseWriter, r *http.Request) {
	req := requestOf(r.Context())
	req.operation = "start-provider"
	path, link := oidc.SafePath(r.URL.Query().Get("path")), ""
	if r.URL.Query().Get("link") != "" {
		caller, err := s.recognise(r, req)
		if err != nil || caller.Session == "" || r.Header.Get("Sec-Fetch-Site") != "same-origin" {
			s.leave(w, r, path, "not_linked_here")
			return
		}
		link = caller.Session
	}
	begun, err := s.opt.SignIn.OIDC.Begin(r.Context(), path, link)
	if err != nil {
		s.leave(w, r, path, "provider")
		return
	}
	http.SetCookie(w, s.passing(req, ticketCookie, begun.Cookie, ticketMaxAge))
	http.Redirect(w, r, begun.URL, http.StatusSeeOther)
}

// finishProvider takes a browser back from the provider. It always leads to a page of ours, which says what to do.
func (s *Server) finishProvider(w http.ResponseWriter, r *http.Request) {
	ctx, req := r.Context(), requestOf(r.Context())
	req.operation = "finish-provider"
	ticket := access.Secret{}
	if c, err := r.Cookie(ticketCookie); err == nil {
		ticket = access.NewSecret(c.Value)
	}
	http.SetCookie(w, s.passing(req, ticketCookie, access.Secret{}, -1)) // whatever comes of it, it is used up
	if err := s.opt.Access.TryProvider(req.address); err != nil {
		s.leave(w, r, "/", "too_many")
		return
	}
	ended, err := s.opt.SignIn.OIDC.Finish(ctx, ticket, r.URL.Query())
	if err != nil {
		s.refusedByProvider(ctx, req, err)
		s.leave(w, r, ended.Path, providerProblem(err))
		return
	}
	if ended.Link != "" {
		s.leave(w, r, ended.Path, s.linkProvider(r, req, ended))
		return
	}
	session, err := s.opt.Access.SignInExternal(ctx, s.opt.SignIn.Provider, ended.Person, access.Attempt{Address: req.address, Browser: req.browser, Language: req.language, Previous: req.cookie})
	if errors.Is(err, access.ErrCodeNeeded) {
		held, holdErr := s.opt.SignIn.OIDC.Hold(ended.Person)
		if holdErr == nil {
			http.SetCookie(w, s.passing(req, pendingCookie, held, pendingMaxAge))
			s.leave(w, r, ended.Path, "code")
			return
		}
		err = holdErr
	}
	if err != nil {
		s.leave(w, r, ended.Path, s.externalProblem(ctx, err))
		return
	}
	s.opt.Access.ProviderAnswered(req.address)
	req.caller = session.Caller.Name
	cookie := s.withCookie(ctx, session).SetCookie
	http.SetCookie(w, &cookie)
	s.leave(w, r, ended.Path, "")
}

// leave sends a browser to a page of ours, with a word for what is to be said there.
func (s *Server) leave(w http.ResponseWriter, r *http.Request, path, word string) {
	u, err := url.Parse(oidc.SafePath(path))
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	q := u.Query()
	q.Del("sign_in")
	if word != "" {
		q.Set("sign_in", word)
	}
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

func providerProblem(err error) string {
	switch {
	case errors.Is(err, oidc.ErrDenied):
		return "denied"
	case errors.Is(err, oidc.ErrExpired):
		return "expired"
	}
	return "provider"
}

// externalProblem is the word for why somebody who was proven does not get in.
func (s *Server) externalProblem(ctx context.Context, err error) string {
	notLinked := new(access.NotLinkedError)
	switch {
	case errors.As(err, &notLinked) && notLinked.Taken:
		return "not_linked"
	case errors.As(err, &notLinked):
		return "no_account"
	case errors.Is(err, access.ErrDisabled):
		return "disabled"
	case errors.Is(err, access.ErrExternal):
		return "no_name"
	}
	s.opt.Log.ErrorContext(ctx, "sign in by provider", "error", err)
	return "failed"
}

func (s *Server) refusedByProvider(ctx context.Context, req *request, cause error) {
	_, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: s.opt.SignIn.Provider.Tenant, Actor: "rule:" + s.opt.SignIn.Provider.ID, Action: "sign_in",
		Outcome: audit.Refused, Address: req.address, Reason: cause.Error()})
	if err != nil {
		s.opt.Log.ErrorContext(ctx, "audit sign-in", "error", err)
	}
}

// linkProvider links what was proven to the session that began it, as long as the browser still has that.
func (s *Server) linkProvider(r *http.Request, req *request, ended oidc.Ended) string {
	caller, err := s.recognise(r, req)
	if err != nil || caller.Session != ended.Link {
		return "not_linked_here"
	}
	err = s.opt.Access.LinkExternal(r.Context(), caller, s.opt.SignIn.Provider, ended.Person)
	conflict := new(access.ConflictError)
	switch {
	case errors.As(err, &conflict):
		return "linked_elsewhere"
	case err != nil:
		return s.externalProblem(r.Context(), err)
	}
	s.opt.Access.ProviderAnswered(req.address)
	return "linked"
}

type signInCodeIn struct {
	Pending http.Cookie `cookie:"maestro_pending"`
	Body    rest.SignInCode
}

func (s *Server) signInCode(ctx context.Context, _ access.Caller, in *signInCodeIn) (*sessionOut, error) {
	late := problem(http.StatusUnauthorized, "It took too long, or was begun in another browser. Sign in once more.")
	if s.opt.SignIn.OIDC == nil {
		return nil, late
	}
	person, ok := s.opt.SignIn.OIDC.Held(access.NewSecret(in.Pending.Value))
	if !ok {
		return nil, late
	}
	req := requestOf(ctx)
	session, err := s.opt.Access.SignInExternal(ctx, s.opt.SignIn.Provider, person, access.Attempt{Code: in.Body.Code, Address: req.address, Browser: req.browser, Language: req.language, Previous: req.cookie})
	if err != nil {
		return nil, s.signInProblem(err)
	}
	req.caller = session.Caller.Name
	return s.withCookie(ctx, session), nil
}

// signOutURL is where a browser ends the provider's session after ours; empty is nowhere.
func (s *Server) signOutURL(c access.Caller) string {
	if s.opt.SignIn.OIDC == nil || c.Provider != s.opt.SignIn.Provider.ID {
		return ""
	}
	return s.opt.SignIn.OIDC.SignOutURL()
}
