package openstack

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
)

// Settings are a connection's settings.
type Settings struct {
	AuthURL       string `json:"auth_url,omitempty" label:"Keystone" example:"https://keystone.example.org:5000/v3" maestro:"credential-target" help:"Address of the identity service, as OS_AUTH_URL in an openrc file. Empty only with a cloud of clouds.yaml."`
	Cloud         string `json:"cloud,omitempty" label:"Cloud" example:"production" maestro:"credential-target" help:"The name of an entry in the clouds.yaml that the credential names by OS_CLIENT_CONFIG_FILE."`
	Project       string `json:"project,omitempty" label:"Project" maestro:"narrows" example:"web" help:"Name or id of the project to sign in to; empty takes the credential's."`
	ProjectDomain string `json:"project_domain,omitempty" label:"Project's domain" maestro:"narrows" help:"Name of the domain of a project that is given by name; Default unless said otherwise."`
	Projects      string `json:"projects,omitempty" label:"Which projects" enum:"auto,all,own" default:"auto" maestro:"narrows" help:"own reads the project that is signed in to; all reads every project, which needs the role admin; auto reads all if the credential has that role."`

	AdminRole string `json:"admin_role,omitempty" label:"Administrators' role" default:"admin" maestro:"narrows" help:"The role that sees every project at Nova, Cinder and Neutron, where the cloud calls it otherwise."`

	Regions        []string `json:"regions,omitempty" label:"Only these regions" maestro:"narrows" example:"[\"eu-*\"]" help:"Names or patterns; empty means every region of the catalogue."`
	ExcludeRegions []string `json:"exclude_regions,omitempty" label:"Not these regions" maestro:"narrows" help:"Names or patterns."`

	Interface   string `json:"interface,omitempty" label:"Interface" group:"Network" enum:"public,internal,admin" help:"Which of the catalogue's addresses are used; public unless clouds.yaml says otherwise."`
	CA          string `json:"ca_certificate,omitempty" label:"Certificate authority" group:"Network" help:"PEM of an authority to trust beside the machine's own."`
	Fingerprint string `json:"fingerprint,omitempty" label:"Certificate fingerprint" group:"Network" maestro:"credential-target" help:"SHA-256 of the one certificate to trust, where all services share it."`
	Insecure    bool   `json:"insecure,omitempty" label:"Accept any certificate" group:"Network" maestro:"credential-target" help:"Only for a first try: whoever sits in between can read the password."`
	Dashboard   string `json:"dashboard,omitempty" label:"Dashboard" group:"Network" format:"uri" example:"https://horizon.example.org" help:"Address of Horizon, for links to the things found."`
}

// What the setting "projects" may say.
const (
	projectsAuto = "auto"
	projectsAll  = "all"
	projectsOwn  = "own"
)

func readSettings(raw json.RawMessage) (Settings, error) {
	var s Settings
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return s, &provider.SettingsError{Problem: err.Error()}
	}
	if s.Projects == "" {
		s.Projects = projectsAuto
	}
	if s.AdminRole == "" {
		s.AdminRole = "admin"
	}
	s.AuthURL, s.Dashboard = strings.TrimSpace(s.AuthURL), strings.TrimRight(strings.TrimSpace(s.Dashboard), "/")
	return s, s.check()
}

func (s Settings) check() error {
	bad := func(pointer, format string, args ...any) error {
		return &provider.SettingsError{Pointer: pointer, Problem: fmt.Sprintf(format, args...)}
	}
	switch {
	case s.AuthURL == "" && s.Cloud == "":
		return bad("/auth_url", "is missing: give the address of Keystone, or the name of a cloud in clouds.yaml")
	case s.AuthURL != "" && s.Cloud != "":
		return bad("/cloud", "has an address of its own in clouds.yaml: leave auth_url empty")
	case !slices.Contains([]string{projectsAuto, projectsAll, projectsOwn}, s.Projects):
		return bad("/projects", "is none of auto, all, own")
	case !slices.Contains([]string{"", "public", "internal", "admin"}, s.Interface):
		return bad("/interface", "is none of public, internal, admin")
	}
	for pointer, text := range map[string]string{"/auth_url": s.AuthURL, "/dashboard": s.Dashboard} {
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
			// The parser's own words would repeat the address, and people paste passwords into addresses.
			return bad(pointer, "is no address such as https://keystone.example.org:5000/v3")
		case u.User != nil:
			return bad(pointer, "must not contain a user or password; they belong into the credential")
		case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v2.0"):
			return bad(pointer, "is that of version 2 of the identity service, which nobody has any more: use the one that ends in /v3")
		}
	}
	if _, err := httpclient.TLS(httpclient.Options{Fingerprint: s.Fingerprint}); err != nil {
		return bad("/fingerprint", "%v", err)
	}
	if _, err := httpclient.TLS(httpclient.Options{CA: []byte(s.CA)}); err != nil {
		return bad("/ca_certificate", "%v", err)
	}
	for pointer, list := range map[string][]string{"/regions": s.Regions, "/exclude_regions": s.ExcludeRegions} {
		for _, p := range list {
			if _, err := path.Match(p, ""); err != nil || p == "" {
				return bad(pointer, "pattern %q is malformed", p)
			}
		}
	}
	return nil
}

// wantsRegion says whether the settings select a region; check has looked at the patterns.
func (s Settings) wantsRegion(region string) bool {
	matches := func(p string) bool { ok, _ := path.Match(p, region); return ok }
	return (len(s.Regions) == 0 || slices.ContainsFunc(s.Regions, matches)) && !slices.ContainsFunc(s.ExcludeRegions, matches)
}
