package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/words"
	"maestro.internal/internal/rest"
)

// UserIn names a user.
type UserIn struct {
	Username string `path:"username" maxLength:"200"`
}

type userListIn struct {
	ListIn
	UserIn
}

type putUserIn struct {
	UserIn
	IfMatch string `header:"If-Match" doc:"The version edited, as in the ETag; required"`
	Body    rest.UserWrite
}

// linkOut sets a cookie only when the link was used.
type linkOut struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      rest.LinkAnswer
}

func (s *Server) peopleRoutes() {
	tag := "users"
	handle(s, route{method: "GET", path: "/users", id: "list-users", tag: tag, action: access.ManageUsers,
		summary: "Users of the tenant"}, s.listUsers)
	handle(s, route{method: "POST", path: "/users", id: "create-user", tag: tag, action: access.ManageUsers, status: 201,
		summary: "Invite somebody; the link to set a password is shown this once"}, s.createUser)
	handle(s, route{method: "GET", path: "/users/{username}", id: "get-user", tag: tag, action: access.ManageUsers,
		summary: "One user"}, s.getUser)
	handle(s, route{method: "PUT", path: "/users/{username}", id: "update-user", tag: tag, action: access.ManageUsers,
		summary: "Edit, disable or enable a user"}, s.updateUser)
	handle(s, route{method: "DELETE", path: "/users/{username}", id: "delete-user", tag: tag, action: access.ManageUsers,
		summary: "Remove a user, with all sessions"}, s.deleteUser)
	handle(s, route{method: "POST", path: "/users/{username}/link", id: "give-user-link", tag: tag, action: access.ManageUsers, status: 201,
		summary: "Make a link by which the user sets a password; earlier ones end"}, s.giveLink)
	handle(s, route{method: "GET", path: "/users/{username}/sessions", id: "list-user-sessions", tag: tag, action: access.ManageUsers,
		summary: "A user's sessions"}, s.listUserSessions)
	handle(s, route{method: "DELETE", path: "/users/{username}/sessions", id: "end-user-sessions", tag: tag, action: access.ManageUsers,
		summary: "End all sessions of a user"}, s.endUserSessions)
	handle(s, route{method: "DELETE", path: "/users/{username}/second-factor", id: "reset-second-factor", tag: tag, action: access.ManageUsers,
		summary: "Take the second factor from a user who lost it"}, s.resetFactor)

	tag = "session"
	handle(s, route{method: "POST", path: "/session/link", id: "use-link", tag: tag, public: true,
		summary: "Say what a link is for; with a new password set it and sign in"}, s.useLink)
	handle(s, route{method: "POST", path: "/session/forgotten", id: "forgotten-password", tag: tag, public: true, status: 202,
		summary: "Ask for a link to set a password by mail; the answer is the same for everybody"}, s.forgotten)
	handle(s, route{method: "GET", path: "/session/profile", id: "get-profile", tag: tag, action: access.Self,
		summary: "One's own user"}, s.getProfile)
	handle(s, route{method: "PUT", path: "/session/profile", id: "update-profile", tag: tag, action: access.Self,
		summary: "Change one's own name and e-mail address"}, s.updateProfile)
	handle(s, route{method: "PUT", path: "/session/language", id: "choose-language", tag: tag, action: access.Self,
		summary: "Say which language one's letters and notifications are to be in"}, s.chooseLanguage)
	handle(s, route{method: "GET", path: "/session/sessions", id: "list-sessions", tag: tag, action: access.Self,
		summary: "One's own sessions"}, s.listSessions)
	handle(s, route{method: "DELETE", path: "/session/sessions", id: "end-other-sessions", tag: tag, action: access.Self,
		summary: "End all of one's own sessions but this one"}, s.endOtherSessions)
	handle(s, route{method: "DELETE", path: "/session/sessions/{id}", id: "end-session", tag: tag, action: access.Self,
		summary: "End one of one's own sessions"}, s.endSession)
	handle(s, route{method: "POST", path: "/session/second-factor", id: "begin-second-factor", tag: tag, action: access.Self, status: 201,
		summary: "Make a secret for an authenticator; it counts from the first code on"}, s.beginFactor)
	handle(s, route{method: "POST", path: "/session/second-factor/confirm", id: "confirm-second-factor", tag: tag, action: access.Self,
		summary: "Bring the first code; the recovery codes are shown this once"}, s.confirmFactor)
	handle(s, route{method: "POST", path: "/session/second-factor/recovery-codes", id: "make-recovery-codes", tag: tag, action: access.Self, status: 201,
		summary: "Make fresh recovery codes in place of one's own; they are shown this once"}, s.newRecoveryCodes)
	handle(s, route{method: "POST", path: "/session/second-factor/off", id: "turn-off-second-factor", tag: tag, action: access.Self,
		summary: "Turn one's second factor off"}, s.stopFactor)
}

// peopleProblem words what access refuses; nil is not its own.
func peopleProblem(err error) *problemError {
	var (
		conflict  *access.ConflictError
		notLinked *access.NotLinkedError
		staleErr  *access.StaleError
		beyond    *access.BeyondError
		closed    *access.DisabledError
	)
	switch {
	case errors.As(err, &beyond):
		return problem(http.StatusForbidden, "%s: %s.", beyond.Problem, strings.Join(beyond.Missing, ", "))
	case errors.As(err, &closed):
		return problem(http.StatusForbidden, "%s. Who administers the installation can enable it; nothing is lost.", strings.ToUpper(closed.Error()[:1])+closed.Error()[1:])
	case errors.Is(err, access.ErrNotMember):
		return problem(http.StatusForbidden, "You are not a member of this tenant, or there is none of this name.")
	case errors.As(err, &conflict):
		return problem(http.StatusConflict, "%s", conflict.Problem)
	case errors.As(err, &staleErr) && staleErr.Current > 0:
		return stale(staleErr.Current)
	case errors.As(err, &staleErr):
		return problem(http.StatusPreconditionFailed, "Somebody else changed it meanwhile. Read it again, then repeat your edit.")
	case errors.Is(err, access.ErrTaken):
		return problem(http.StatusConflict, "This user name is in use. Choose another one.").at("body.username", "is in use")
	case errors.Is(err, access.ErrLink):
		return problem(http.StatusNotFound, "This link does not work: it was used, it has expired, a newer one was made, or it was not copied whole. Ask for another one.")
	case errors.As(err, &notLinked) && notLinked.Taken:
		return problem(http.StatusForbidden, "There is an account %q here that is not linked to this sign-in. Whoever has its password links it under the account menu; an administrator can help.", notLinked.Username)
	case errors.As(err, &notLinked):
		return problem(http.StatusForbidden, "There is no account for you here yet. Ask an administrator of Maestro for one.")
	case errors.Is(err, access.ErrDisabled):
		return problem(http.StatusForbidden, "Your account is disabled here. Ask an administrator of Maestro.")
	case errors.Is(err, access.ErrExternal):
		return problem(http.StatusForbidden, "The directory names you in a way that cannot be used as a user name. Whoever runs Maestro has to look at its settings.")
	case errors.Is(err, access.ErrDirectory):
		return problem(http.StatusServiceUnavailable, "The directory that checks your password does not answer. Try again in a moment; the collector's log says why.")
	case errors.Is(err, access.ErrPasswordsOff):
		return problem(http.StatusConflict, "Passwords are switched off here, so there is none to set. Sign in as you do elsewhere in your organisation.")
	case errors.Is(err, access.ErrNoMail):
		return problem(http.StatusConflict, "This collector sends no mail. Ask an administrator for a link to set your password.")
	case errors.Is(err, access.ErrCodeNeeded):
		p := problem(http.StatusUnauthorized, "Enter the code that your authenticator shows, or a recovery code.")
		p.Type = rest.ProblemCodeNeeded
		return p
	case errors.Is(err, access.ErrCodeWrong):
		p := problem(http.StatusUnauthorized, "The code is wrong or was used already. Wait for the next one.")
		p.Type = rest.ProblemCodeWrong
		return p
	}
	return nil
}

func userDocument(u access.User) rest.User {
	return rest.User{Username: u.Username, DisplayName: u.DisplayName, Email: u.Email, Language: string(u.Language), Role: string(u.Role), Groups: u.Groups, Disabled: u.Disabled, Invited: u.Invited,
		Factor: u.SecondFactor, Providers: u.Providers, CreatedAt: u.CreatedAt, LastSignIn: u.LastSignIn, LinkUntil: u.LinkUntil, Version: u.Version}
}

func (s *Server) linkDocument(ctx context.Context, l access.Link) rest.UserLink {
	return rest.UserLink{Purpose: l.Purpose, Link: strings.TrimRight(s.opt.PublicURL, "/") + access.LinkPath + l.Token.Reveal(), ExpiresAt: l.ExpiresAt,
		Mailed: l.Mailed, MailProblem: languageOf(ctx).Say(l.MailProblem)}
}

func (s *Server) listUsers(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.User]], error) {
	users, err := s.opt.Access.Users(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.User, len(users))
	for i, u := range users {
		docs[i] = userDocument(u)
	}
	return small(s, in, docs, func(u rest.User) string { return u.Username }, "username")
}

func oneUser(u access.User, err error) (*versioned[rest.User], error) {
	if err != nil {
		return nil, orNotFound(err, "user")
	}
	return &versioned[rest.User]{ETag: etag(u.Version), Body: userDocument(u)}, nil
}

func (s *Server) getUser(ctx context.Context, c access.Caller, in *UserIn) (*versioned[rest.User], error) {
	return oneUser(s.opt.Access.User(ctx, c, in.Username))
}

func (s *Server) createUser(ctx context.Context, c access.Caller, in *bodyIn[rest.UserCreate]) (*out[rest.UserInvited], error) {
	u, link, err := s.opt.Access.Invite(ctx, c, in.Body.Username,
		access.UserEdit{DisplayName: in.Body.DisplayName, Email: in.Body.Email, Role: access.Role(in.Body.Role), Groups: in.Body.Groups})
	if err != nil {
		return nil, err
	}
	// The collector may have died between deleting the last user of this name and the picture.
	if err := s.opt.Pictures.Forget(ctx, c.Tenant, userOwner(u.Username)); err != nil {
		return nil, err
	}
	return &out[rest.UserInvited]{Body: rest.UserInvited{User: userDocument(u), Link: s.linkDocument(ctx, link)}}, nil
}

func (s *Server) updateUser(ctx context.Context, c access.Caller, in *putUserIn) (*versioned[rest.User], error) {
	version, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	return oneUser(s.opt.Access.UpdateUser(ctx, c, in.Username, version, access.UserEdit{DisplayName: in.Body.DisplayName, Email: in.Body.Email,
		Role: access.Role(in.Body.Role), Groups: in.Body.Groups, Disabled: in.Body.Disabled}))
}

func (s *Server) deleteUser(ctx context.Context, c access.Caller, in *UserIn) (*none, error) {
	if err := s.opt.Access.DeleteUser(ctx, c, in.Username); err != nil {
		return nil, orNotFound(err, "user")
	}
	return nothing(s.opt.Pictures.Forget(ctx, c.Tenant, userOwner(in.Username)), "user")
}

func nothing(err error, what string) (*none, error) {
	if err != nil {
		return nil, orNotFound(err, what)
	}
	return &none{}, nil
}

func (s *Server) giveLink(ctx context.Context, c access.Caller, in *UserIn) (*out[rest.UserLink], error) {
	link, err := s.opt.Access.GiveLink(ctx, c, in.Username)
	if err != nil {
		return nil, orNotFound(err, "user")
	}
	return &out[rest.UserLink]{Body: s.linkDocument(ctx, link)}, nil
}

func (s *Server) sessionList(in *ListIn, sessions []access.SessionInfo, err error) (*out[rest.List[rest.SessionInfo]], error) {
	if err != nil {
		return nil, orNotFound(err, "user")
	}
	docs := make([]rest.SessionInfo, len(sessions))
	for i, x := range sessions {
		docs[i] = rest.SessionInfo{ID: x.ID, StartedAt: x.StartedAt, LastUsed: x.UsedAt, ExpiresAt: x.ExpiresAt, Address: x.Address, Browser: x.Browser, Current: x.Current}
	}
	return small(s, in, docs, func(x rest.SessionInfo) string { return x.ID }, "last_used desc")
}

func (s *Server) listUserSessions(ctx context.Context, c access.Caller, in *userListIn) (*out[rest.List[rest.SessionInfo]], error) {
	sessions, err := s.opt.Access.SessionsOf(ctx, c, in.Username)
	return s.sessionList(&in.ListIn, sessions, err)
}

func (s *Server) listSessions(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.SessionInfo]], error) {
	sessions, err := s.opt.Access.Sessions(ctx, c)
	return s.sessionList(in, sessions, err)
}

func (s *Server) endUserSessions(ctx context.Context, c access.Caller, in *UserIn) (*none, error) {
	return nothing(s.opt.Access.EndSessionsOf(ctx, c, in.Username), "user")
}

func (s *Server) endOtherSessions(ctx context.Context, c access.Caller, _ *empty) (*none, error) {
	return nothing(s.opt.Access.EndOtherSessions(ctx, c), "user")
}

func (s *Server) endSession(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	return nothing(s.opt.Access.EndSession(ctx, c, in.ID), "session")
}

func (s *Server) resetFactor(ctx context.Context, c access.Caller, in *UserIn) (*none, error) {
	return nothing(s.opt.Access.ResetFactor(ctx, c, in.Username), "user")
}

func (s *Server) useLink(ctx context.Context, _ access.Caller, in *bodyIn[rest.LinkUse]) (*linkOut, error) {
	req, token := requestOf(ctx), access.NewSecret(in.Body.Token)
	info, err := s.opt.Access.ReadLink(ctx, token, req.address)
	if err != nil {
		return nil, err
	}
	answer := rest.LinkAnswer{Username: info.Username, DisplayName: info.DisplayName, Purpose: info.Purpose, ExpiresAt: info.ExpiresAt, CodeNeeded: info.NeedsCode}
	if in.Body.NewPassword == "" {
		return &linkOut{Body: answer}, nil
	}
	session, err := s.opt.Access.UseLink(ctx, token, access.Attempt{Password: access.NewSecret(in.Body.NewPassword), Code: in.Body.Code,
		Address: req.address, Browser: req.browser, Language: req.language, Previous: req.cookie})
	if err != nil {
		return nil, err
	}
	req.caller = session.Caller.Name
	with := s.withCookie(ctx, session)
	answer.ExpiresAt, answer.Session = session.Caller.ExpiresAt, &with.Body
	return &linkOut{SetCookie: []http.Cookie{with.SetCookie}, Body: answer}, nil
}

func (s *Server) forgotten(ctx context.Context, _ access.Caller, in *bodyIn[rest.Forgotten]) (*out[rest.ForgottenAnswer], error) {
	if err := s.opt.Access.Forgotten(ctx, in.Body.Who, requestOf(ctx).address, requestOf(ctx).language); err != nil {
		return nil, err
	}
	return &out[rest.ForgottenAnswer]{Body: rest.ForgottenAnswer{Detail: "If there is such a user with an e-mail address, a letter with a link is on its way."}}, nil
}

func (s *Server) profile(ctx context.Context, c access.Caller, u access.User, err error) (*out[rest.Profile], error) {
	if err != nil {
		return nil, err
	}
	since, left, err := s.opt.Access.Factor(ctx, c)
	if err != nil {
		return nil, err
	}
	return &out[rest.Profile]{Body: rest.Profile{User: userDocument(u), HasPassword: u.HasPassword, FactorSince: since, CodesLeft: left}}, nil
}

func (s *Server) getProfile(ctx context.Context, c access.Caller, _ *empty) (*out[rest.Profile], error) {
	u, err := s.opt.Access.Profile(ctx, c)
	return s.profile(ctx, c, u, err)
}

func (s *Server) updateProfile(ctx context.Context, c access.Caller, in *bodyIn[rest.ProfileWrite]) (*out[rest.Profile], error) {
	u, err := s.opt.Access.UpdateProfile(ctx, c, in.Body.DisplayName, in.Body.Email, access.NewSecret(in.Body.Password))
	return s.profile(ctx, c, u, err)
}

func (s *Server) chooseLanguage(ctx context.Context, c access.Caller, in *bodyIn[rest.LanguageChoice]) (*none, error) {
	return nothing(s.opt.Access.Speak(ctx, c, words.Language(in.Body.Language)), "user")
}

func (s *Server) beginFactor(ctx context.Context, c access.Caller, in *bodyIn[rest.FactorBegin]) (*out[rest.FactorPending], error) {
	e, err := s.opt.Access.BeginFactor(ctx, c, access.NewSecret(in.Body.Password))
	if err != nil {
		return nil, err
	}
	return &out[rest.FactorPending]{Body: rest.FactorPending{Secret: e.Secret.Reveal(), URI: e.URI.Reveal(), QR: e.Rows}}, nil
}

func (s *Server) confirmFactor(ctx context.Context, c access.Caller, in *bodyIn[rest.FactorConfirm]) (*out[rest.FactorCodes], error) {
	return codesOut(s.opt.Access.ConfirmFactor(ctx, c, in.Body.Code))
}

func (s *Server) newRecoveryCodes(ctx context.Context, c access.Caller, in *bodyIn[rest.FactorOff]) (*out[rest.FactorCodes], error) {
	return codesOut(s.opt.Access.NewRecoveryCodes(ctx, c, access.NewSecret(in.Body.Password), in.Body.Code))
}

func codesOut(codes []access.Secret, err error) (*out[rest.FactorCodes], error) {
	if err != nil {
		return nil, err
	}
	var doc rest.FactorCodes
	for _, code := range codes {
		doc.RecoveryCodes = append(doc.RecoveryCodes, code.Reveal())
	}
	return &out[rest.FactorCodes]{Body: doc}, nil
}

func (s *Server) stopFactor(ctx context.Context, c access.Caller, in *bodyIn[rest.FactorOff]) (*none, error) {
	return nothing(s.opt.Access.StopFactor(ctx, c, access.NewSecret(in.Body.Password), in.Body.Code), "user")
}
