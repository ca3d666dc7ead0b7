package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/internal/rest"
)

type pictureIn struct {
	RawBody []byte `contentType:"application/octet-stream" required:"false"`
}

type userPictureIn struct {
	UserIn
	RawBody []byte `contentType:"application/octet-stream" required:"false"`
}

type teamPictureIn struct {
	ID      string `path:"id" maxLength:"200"`
	RawBody []byte `contentType:"application/octet-stream" required:"false"`
}

type pictureOut struct {
	ContentType        string `header:"Content-Type"`
	ContentDisposition string `header:"Content-Disposition"`
	CacheControl       string `header:"Cache-Control"`
	Policy             string `header:"Content-Security-Policy"`
	Body               []byte
}

// picturePolicy leaves whatever a browser would take the content for nothing to do.
const picturePolicy = "default-src 'none'; frame-ancestors 'none'; sandbox"

func (s *Server) pictureRoutes() {
	const tag = "pictures"
	handle(s, route{method: "GET", path: "/pictures", id: "list-pictures", tag: tag, action: access.Read,
		summary: "Which users and teams have a picture; who does not read the whole tenant sees the own ones"}, s.listPictures)
	handle(s, route{method: "GET", path: "/pictures/{id}", id: "get-picture", tag: tag, action: access.Self,
		summary: "A picture itself: PNG or JPEG, drawn anew from what was uploaded"}, s.getPicture)
	handle(s, route{method: "PUT", path: "/session/picture", id: "set-own-picture", tag: tag, action: access.Self, maxBody: picture.MaxBytes,
		summary: "Upload one's own picture: PNG, JPEG, GIF or WebP, up to 4 MiB; the middle is cut out as a square"}, s.setOwnPicture)
	handle(s, route{method: "DELETE", path: "/session/picture", id: "delete-own-picture", tag: tag, action: access.Self,
		summary: "Remove one's own picture"}, s.deleteOwnPicture)
	handle(s, route{method: "PUT", path: "/users/{username}/picture", id: "set-user-picture", tag: tag, action: access.ManageUsers, maxBody: picture.MaxBytes,
		summary: "Upload a user's picture"}, s.setUserPicture)
	handle(s, route{method: "DELETE", path: "/users/{username}/picture", id: "delete-user-picture", tag: tag, action: access.ManageUsers,
		summary: "Remove a user's picture"}, s.deleteUserPicture)
	handle(s, route{method: "PUT", path: "/teams/{id}/picture", id: "set-team-picture", tag: tag, action: access.ManageTeams, maxBody: picture.MaxBytes,
		summary: "Upload a team's picture; its leads may"}, s.setTeamPicture)
	handle(s, route{method: "DELETE", path: "/teams/{id}/picture", id: "delete-team-picture", tag: tag, action: access.ManageTeams,
		summary: "Remove a team's picture; its leads may"}, s.deleteTeamPicture)
}

// pictureProblem words what picture refuses; nil is not its own.
func pictureProblem(err error) *problemError {
	var (
		invalid *picture.InvalidError
		large   *picture.TooLargeError
	)
	switch {
	case errors.As(err, &invalid):
		return problem(http.StatusUnprocessableEntity, "%s", invalid.Problem)
	case errors.As(err, &large):
		return problem(http.StatusRequestEntityTooLarge, "%s", large.Problem)
	}
	return nil
}

func by(c access.Caller) picture.By {
	return picture.By{Tenant: c.Tenant, Name: c.Name, Address: c.Address}
}

// homeBy is who changes his own picture: it is kept where he is a user, whatever tenant he is in.
func homeBy(c access.Caller) picture.By {
	return picture.By{Tenant: homeOf(c), Name: c.Name, Address: c.Address}
}

func homeOf(c access.Caller) string { return cmp.Or(c.Home, c.Tenant) }

func userOwner(username string) picture.Owner {
	return picture.Owner{Kind: picture.User, ID: access.FoldUsername(username)}
}

func teamOwner(id string) picture.Owner { return picture.Owner{Kind: picture.Team, ID: id} }

func pictureDocument(p picture.Picture) rest.Picture {
	return rest.Picture{ID: p.ID, OwnerKind: p.Owner.Kind, Owner: p.Owner.ID, ContentType: p.ContentType, SizeBytes: p.Size, UploadedAt: p.At}
}

func (s *Server) listPictures(ctx context.Context, c access.Caller, in *ListIn) (*out[rest.List[rest.Picture]], error) {
	docs := []rest.Picture{}
	for _, kind := range []string{picture.User, picture.Team} {
		all, err := s.opt.Pictures.All(ctx, c.Tenant, kind)
		if err != nil {
			return nil, err
		}
		for _, p := range all {
			if c.MayKnow(p.Owner.Kind, p.Owner.ID) {
				docs = append(docs, pictureDocument(p))
			}
		}
	}
	return small(s, in, docs, func(p rest.Picture) string { return p.ID }, "owner_kind, owner")
}

func (s *Server) getPicture(ctx context.Context, c access.Caller, in *idIn) (*pictureOut, error) {
	content, contentType, err := s.opt.Pictures.Read(ctx, c.Tenant, in.ID)
	if errors.Is(err, picture.ErrNotFound) && homeOf(c) != c.Tenant {
		content, contentType, err = s.opt.Pictures.Read(ctx, homeOf(c), in.ID)
	}
	if err != nil {
		return nil, orNotFound(err, "picture")
	}
	out := pictureAnswer(content, contentType, "picture")
	out.CacheControl = "private, max-age=31536000, immutable"
	return out, nil
}

// pictureAnswer serves a picture as a file of that name, which a browser shows in a page of ours and nowhere by itself.
func pictureAnswer(content []byte, contentType, name string) *pictureOut {
	return &pictureOut{ContentType: contentType, ContentDisposition: `attachment; filename="` + name + "." + strings.TrimPrefix(contentType, "image/") + `"`,
		Policy: picturePolicy, Body: content}
}

func (s *Server) setPicture(ctx context.Context, by picture.By, o picture.Owner, name string, file []byte) (*out[rest.Picture], error) {
	p, err := s.opt.Pictures.Set(ctx, by, o, name, picture.Face, file)
	if err != nil {
		return nil, err
	}
	return &out[rest.Picture]{Body: pictureDocument(p)}, nil
}

func (s *Server) setOwnPicture(ctx context.Context, c access.Caller, in *pictureIn) (*out[rest.Picture], error) {
	u, err := s.opt.Access.Profile(ctx, c) // refuses who is no person
	if err != nil {
		return nil, err
	}
	return s.setPicture(ctx, homeBy(c), userOwner(u.Username), u.Username, in.RawBody)
}

func (s *Server) deleteOwnPicture(ctx context.Context, c access.Caller, _ *empty) (*none, error) {
	u, err := s.opt.Access.Profile(ctx, c)
	if err != nil {
		return nil, err
	}
	return nothing(s.opt.Pictures.Remove(ctx, homeBy(c), userOwner(u.Username), u.Username), "picture")
}

func (s *Server) setUserPicture(ctx context.Context, c access.Caller, in *userPictureIn) (*out[rest.Picture], error) {
	u, err := s.opt.Access.Manageable(ctx, c, in.Username)
	if err != nil {
		return nil, orNotFound(err, "user")
	}
	return s.setPicture(ctx, by(c), userOwner(u.Username), u.Username, in.RawBody)
}

func (s *Server) deleteUserPicture(ctx context.Context, c access.Caller, in *UserIn) (*none, error) {
	u, err := s.opt.Access.Manageable(ctx, c, in.Username)
	if err != nil {
		return nil, orNotFound(err, "user")
	}
	return nothing(s.opt.Pictures.Remove(ctx, by(c), userOwner(u.Username), u.Username), "picture")
}

func (s *Server) setTeamPicture(ctx context.Context, c access.Caller, in *teamPictureIn) (*out[rest.Picture], error) {
	t, err := s.opt.Access.Leadable(ctx, c, in.ID)
	if err != nil {
		return nil, orNotFound(err, "team")
	}
	return s.setPicture(ctx, by(c), teamOwner(t.ID), t.Name, in.RawBody)
}

func (s *Server) deleteTeamPicture(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	t, err := s.opt.Access.Leadable(ctx, c, in.ID)
	if err != nil {
		return nil, orNotFound(err, "team")
	}
	return nothing(s.opt.Pictures.Remove(ctx, by(c), teamOwner(t.ID), t.Name), "picture")
}

// ownPicture is the id of a person's picture. Nobody is kept out for want of it.
func (s *Server) ownPicture(ctx context.Context, c access.Caller) string {
	if c.Session == "" {
		return ""
	}
	p, err := s.opt.Pictures.Of(ctx, homeOf(c), userOwner(c.Username))
	if err != nil && !errors.Is(err, picture.ErrNotFound) {
		s.opt.Log.WarnContext(ctx, "find own picture", "error", err)
	}
	return p.ID
}
