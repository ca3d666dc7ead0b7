package api

import (
	"context"
	"errors"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/picture"
	"maestro.internal/internal/rest"
)

// A tenant may have a logo; one without shows that of the first tenant, which is the installation's and stands on the sign-in page too,
// where nobody is known yet.

type logoIn struct {
	// V makes another address of another logo, so that browsers may keep it.
	V string `query:"v" maxLength:"100" doc:"Id of the logo; any other than the present one's is kept for five minutes only"`
}

type tenantLogoIn struct {
	ID string `path:"id" maxLength:"200"`
	V  string `query:"v" maxLength:"100" doc:"Id of the logo; any other than the present one's is kept for five minutes only"`
}

type setLogoIn struct {
	ID      string `path:"id" maxLength:"200"`
	RawBody []byte `contentType:"application/octet-stream" required:"false"`
}

func (s *Server) logoRoutes() {
	const tag = "pictures"
	handle(s, route{method: "GET", path: "/logo", id: "get-logo", tag: tag, public: true,
		summary: "The installation's logo, which the sign-in page shows"}, s.getLogo)
	handle(s, route{method: "GET", path: "/tenants/{id}/logo", id: "get-tenant-logo", tag: tag, action: access.ManageTenants,
		summary: "A tenant's own logo"}, s.getTenantLogo)
	handle(s, route{method: "PUT", path: "/tenants/{id}/logo", id: "set-tenant-logo", tag: tag, action: access.ManageTenants, maxBody: picture.MaxBytes,
		summary: "Upload a tenant's logo: PNG, JPEG, GIF or WebP, up to 4 MiB, made no larger than 480 x 160; that of the first tenant is the installation's"}, s.setTenantLogo)
	handle(s, route{method: "DELETE", path: "/tenants/{id}/logo", id: "delete-tenant-logo", tag: tag, action: access.ManageTenants,
		summary: "Remove a tenant's logo; the installation's is shown again"}, s.deleteTenantLogo)
}

func logoOwner(tenant string) picture.Owner { return picture.Owner{Kind: picture.Tenant, ID: tenant} }

// logoOf is where a browser finds the logo of those who are in a tenant; empty where there is none. Nobody is kept out for want of it.
func (s *Server) logoOf(ctx context.Context, tenant string) string {
	for _, at := range []struct{ tenant, path string }{{tenant, prefix + "/pictures/"}, {access.HomeTenant, prefix + "/logo?v="}} {
		if at.tenant == access.HomeTenant {
			at.path = prefix + "/logo?v=" // it is shown to those whom nobody knows
		}
		p, err := s.opt.Pictures.Of(ctx, at.tenant, logoOwner(at.tenant))
		if err == nil {
			return at.path + p.ID
		}
		if !errors.Is(err, picture.ErrNotFound) {
			s.opt.Log.WarnContext(ctx, "find logo", "tenant", at.tenant, "error", err)
		}
	}
	return ""
}

func (s *Server) logo(ctx context.Context, tenant, version, cache string) (*pictureOut, error) {
	p, err := s.opt.Pictures.Of(ctx, tenant, logoOwner(tenant))
	if err != nil {
		return nil, orNotFound(err, "logo")
	}
	content, contentType, err := s.opt.Pictures.Read(ctx, tenant, p.ID)
	if err != nil {
		return nil, orNotFound(err, "logo")
	}
	out := pictureAnswer(content, contentType, "logo")
	if out.CacheControl = cache + ", max-age=300"; version == p.ID {
		out.CacheControl = cache + ", max-age=31536000, immutable"
	}
	return out, nil
}

func (s *Server) getLogo(ctx context.Context, _ access.Caller, in *logoIn) (*pictureOut, error) {
	return s.logo(ctx, access.HomeTenant, in.V, "public")
}

func (s *Server) getTenantLogo(ctx context.Context, _ access.Caller, in *tenantLogoIn) (*pictureOut, error) {
	return s.logo(ctx, in.ID, in.V, "private")
}

func (s *Server) setTenantLogo(ctx context.Context, c access.Caller, in *setLogoIn) (*out[rest.Picture], error) {
	t, err := s.opt.Access.Tenant(ctx, in.ID)
	if err != nil {
		return nil, orNotFound(err, "tenant")
	}
	p, err := s.opt.Pictures.Set(ctx, picture.By{Tenant: t.ID, Name: c.Name, Address: c.Address}, logoOwner(t.ID), t.Name, picture.Logo, in.RawBody)
	if err != nil {
		return nil, err
	}
	return &out[rest.Picture]{Body: pictureDocument(p)}, nil
}

func (s *Server) deleteTenantLogo(ctx context.Context, c access.Caller, in *idIn) (*none, error) {
	t, err := s.opt.Access.Tenant(ctx, in.ID)
	if err != nil {
		return nil, orNotFound(err, "tenant")
	}
	return nothing(s.opt.Pictures.Remove(ctx, picture.By{Tenant: t.ID, Name: c.Name, Address: c.Address}, logoOwner(t.ID), t.Name), "logo")
}
