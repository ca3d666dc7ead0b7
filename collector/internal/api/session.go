package api

import (
	"context"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/internal/rest"
)

func (s *Server) signIn(ctx context.Context, _ access.Caller, in *bodyIn[rest.SignIn]) (*sessionOut, error) {
	req := requestOf(ctx)
	session, err := s.opt.Access.SignIn(ctx, access.Attempt{Username: in.Body.Username, Password: access.NewSecret(in.Body.Password), Code: in.Body.Code,
		Address: req.address, Browser: req.browser, Language: req.language, Previous: req.cookie})
	if err != nil {
		return nil, s.signInProblem(err)
	}
	req.caller = session.Caller.Name
	return s.withCookie(ctx, session), nil
}

func (s *Server) withCookie(ctx context.Context, session access.Session) *sessionOut {
	life := int(session.Caller.ExpiresAt.Sub(s.opt.Clock()).Seconds())
	return &sessionOut{SetCookie: s.sessionCookieOf(ctx, session.Cookie, life), Body: s.sessionDocument(ctx, session.Caller)}
}

func (s *Server) getSession(ctx context.Context, c access.Caller, _ *empty) (*out[rest.Session], error) {
	return &out[rest.Session]{Body: s.sessionDocument(ctx, c)}, nil
}

func (s *Server) signOut(ctx context.Context, _ access.Caller, _ *empty) (*signOutOut, error) {
	if err := s.opt.Access.SignOut(ctx, requestOf(ctx).cookie); err != nil {
		return nil, err
	}
	return &signOutOut{SetCookie: s.sessionCookieOf(ctx, access.Secret{}, -1)}, nil
}

func (s *Server) changePassword(ctx context.Context, c access.Caller, in *bodyIn[rest.PasswordChange]) (*sessionOut, error) {
	session, err := s.opt.Access.ChangePassword(ctx, c, access.NewSecret(in.Body.CurrentPassword), access.NewSecret(in.Body.NewPassword))
	if err != nil {
		return nil, err
	}
	return s.withCookie(ctx, session), nil
}

func (s *Server) listTokens(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Token]], error) {
	tokens, err := s.opt.Access.Tokens(ctx, c)
	if err != nil {
		return nil, err
	}
	docs := make([]rest.Token, 0, len(tokens))
	for _, t := range tokens {
		docs = append(docs, tokenDocument(t))
	}
	return small(s, in, docs, func(t rest.Token) string { return t.ID }, "created_at desc")
}

func (s *Server) createToken(ctx context.Context, c access.Caller, in *bodyIn[rest.TokenCreate]) (*out[rest.Token], error) {
	ttl := time.Duration(in.Body.TTLSeconds) * time.Second
	t, secret, err := s.opt.Access.CreateToken(ctx, c, in.Body.Name, access.Role(in.Body.Role), ttl)
	if err != nil {
		return nil, err
	}
	doc := tokenDocument(t)
	doc.Secret = secret.Reveal()
	return &out[rest.Token]{Body: doc}, nil
}

func (s *Server) deleteToken(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	if err := s.opt.Access.DeleteToken(ctx, c, in.ID); err != nil {
		return nil, orNotFound(err, "token")
	}
	return &none{}, nil
}

func tokenDocument(t access.Token) rest.Token {
	return rest.Token{ID: t.ID, Name: t.Name, Role: string(t.Role), CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt, LastUsed: t.LastUsed}
}
