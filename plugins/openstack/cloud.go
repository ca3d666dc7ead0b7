package openstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gophercloud/gophercloud/v2"
	"github.com/gophercloud/gophercloud/v2/openstack"
	"github.com/gophercloud/gophercloud/v2/openstack/identity/v3/tokens"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/retry"
	"maestro.internal/sdk/serve"
)

// session is one call's connection to a cloud.
type session struct {
	settings Settings
	login    login
	client   *gophercloud.ProviderClient
	http     *http.Client
	grant    grant
	// admin says that the token has the role of that name; all that every project is read, by the rights of an administrator.
	admin, all bool

	mu       sync.Mutex
	services map[string]*service
	projects map[string]string // names by id, once they are known
}

// grant is what Keystone says of a token.
type grant struct {
	Catalog []tokens.CatalogEntry `json:"catalog"`
	Project tokens.Project        `json:"project"`
	User    tokens.User           `json:"user"`
	Roles   []tokens.Role         `json:"roles"`
	Expires time.Time             `json:"expires_at"`
}

func connect(ctx context.Context, s Settings, l login) (*session, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = l.tls
	transport.TLSHandshakeTimeout = 30 * time.Second
	transport.MaxIdleConnsPerHost = 16
	c := &session{settings: s, login: l, services: map[string]*service{}}
	c.http = &http.Client{
		Transport: httpclient.Limited(transport), Timeout: 2 * time.Minute,
		// Go would hand the token on to wherever an answer points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	var err error
	if c.client, err = openstack.NewClient(l.options.IdentityEndpoint); err != nil {
		return nil, &provider.SettingsError{Pointer: "/auth_url", Problem: "is no address such as https://keystone.example.org:5000/v3"}
	}
	c.client.HTTPClient = *c.http
	c.client.UserAgent.Prepend("maestro/" + serve.Version())
	if err := retry.Do(ctx, c.signIn); err != nil {
		c.http.CloseIdleConnections()
		return nil, err
	}
	return c, nil
}

func (s *session) signIn(ctx context.Context) error {
	err := openstack.AuthenticateV3(ctx, s.client, &s.login.options, gophercloud.EndpointOpts{})
	if err != nil {
		return s.refused(classify(err))
	}
	answer, ok := s.client.GetAuthResult().(interface {
		ExtractInto(any) error
	})
	if !ok {
		return provider.Permanent(errors.New("Keystone's answer says nothing of the token"))
	}
	if err := answer.ExtractInto(&s.grant); err != nil {
		return provider.Permanent(errors.New("Keystone's answer is none of version 3: check the address"))
	}
	if s.grant.Project.ID == "" && !s.login.unscoped {
		return provider.Denied(errors.New("the token belongs to no project"), "name a project in the settings or in the credential")
	}
	s.admin = slices.ContainsFunc(s.grant.Roles, func(r tokens.Role) bool { return r.Name == s.settings.AdminRole })
	s.all = s.settings.Projects == projectsAll || s.settings.Projects == projectsAuto && s.admin
	return nil
}

// seesAll says why what is listed for all projects would not be all. Cinder, Neutron and Glance do not refuse somebody
// who is no administrator, they show the own project as if it were everything; and what is not shown would be gone.
func (s *session) seesAll(ctx context.Context, l list, service *service) error {
	if !s.all || l.ownOnly {
		return nil
	}
	if !s.admin {
		return provider.Denied(fmt.Errorf("the user %s does not have the role %s in project %s, so not all projects can be read", s.grant.User.Name, s.settings.AdminRole, s.grant.Project.Name),
			"give the user that role, or set projects to own")
	}
	if l.stranger == "" {
		return nil
	}
	// Who may see all projects is answered an empty list, others are refused.
	query := url.Values{l.stranger: {strings.Repeat("0", 32)}, "limit": {"1"}}
	var body any
	err := service.get(ctx, l.path, query, &body)
	if isDenied(err) {
		return provider.Denied(fmt.Errorf("the user %s may not read the %ss of all projects: %w", s.grant.User.Name, l.kind, err), l.role)
	}
	return err
}

// refused makes Keystone's one word for everything, 401, more helpful.
func (s *session) refused(err error) error {
	var known *provider.Error
	if !errors.As(err, &known) || known.Advice != "" || !isDenied(err) {
		return err
	}
	advice := map[string]string{
		"application credential": "check id and secret of the application credential, and that it has not expired",
		"password":               "check user, password and domain, and that the user has a role in the project",
		"token":                  "the token has expired or is of another cloud: get a new one, or use an application credential",
	}[s.login.how]
	return provider.Denied(known.Err, advice)
}

// Close ends connections. The token ends by itself: to revoke it would end those of other runs that share it.
func (s *session) Close() error {
	s.http.CloseIdleConnections()
	return nil
}

// serviceKinds are the services that lists ask for, by the names the catalogue may have for them.
func serviceKinds() map[string][]string {
	return map[string][]string{
		"compute": {"compute"}, "image": {"image"}, "network": {"network"}, "volume": {"block-storage", "volumev3", "block-store", "volume"},
		"load_balancer": {"load-balancer"}, "object_store": {"object-store"},
	}
}

// regions are those of the catalogue that have an address of a service that is read.
func (s *session) regions() []string {
	var out []string
	for _, entry := range s.grant.Catalog {
		for _, names := range serviceKinds() {
			if !slices.Contains(names, entry.Type) {
				continue
			}
			for _, e := range entry.Endpoints {
				if e.Interface == s.login.wanted && !slices.Contains(out, regionOf(e)) {
					out = append(out, regionOf(e))
				}
			}
		}
	}
	slices.Sort(out)
	return out
}

func regionOf(e tokens.Endpoint) string {
	if e.RegionID != "" {
		return e.RegionID
	}
	return e.Region
}

// endpoint is the catalogue's address of a service in a region, or nothing.
func (s *session) endpoint(kind, region string) string {
	for _, name := range serviceKinds()[kind] {
		for _, entry := range s.grant.Catalog {
			if entry.Type != name {
				continue
			}
			for _, e := range entry.Endpoints {
				if e.Interface == s.login.wanted && regionOf(e) == region && (name != "volume" || strings.Contains(e.URL, "/v3")) {
					return e.URL
				}
			}
		}
	}
	return ""
}

// service is one service in one region.
type service struct {
	client *gophercloud.ServiceClient
	base   string
	kind   string

	once sync.Mutex
	// asked says that the microversion has been negotiated.
	asked bool
}

// service finds a service in the catalogue; one that is not there is unsupported.
func (s *session) service(kind, region string) (*service, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := kind + " " + region
	if found := s.services[key]; found != nil {
		return found, nil
	}
	address := s.endpoint(kind, region)
	if address == "" {
		return nil, provider.Unsupported(fmt.Errorf("the catalogue has no service %s in region %s for the interface %s", serviceKinds()[kind][0], region, s.login.wanted))
	}
	base, err := baseOf(kind, address, s.grant.Project.ID)
	if err != nil {
		return nil, provider.Permanent(fmt.Errorf("the catalogue's address of %s in region %s: %w", serviceKinds()[kind][0], region, err))
	}
	typ := map[string]string{"compute": "compute", "volume": "block-storage"}[kind]
	found := &service{kind: kind, base: base, client: &gophercloud.ServiceClient{ProviderClient: s.client, Endpoint: base, Type: typ}}
	s.services[key] = found
	return found, nil
}

// find is service for what only helps: nil where there is none.
func (s *session) find(kind, region string) *service {
	found, _ := s.service(kind, region) // its only error is that there is none
	return found
}

var versioned = regexp.MustCompile(`/v[0-9]+(\.[0-9]+)?(/|$)`)

// baseOf is the address under which the lists of a service are found. Catalogues have it with and without version,
// with and without project.
func baseOf(kind, address, project string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("is no address")
	}
	u.RawQuery, u.Fragment, u.User = "", "", nil
	p := strings.TrimRight(u.Path, "/")
	has := versioned.MatchString(p + "/")
	switch kind {
	case "compute":
		if !has {
			p += "/v2.1"
		}
	case "volume":
		if !has {
			p += "/v3/" + project
		} else if strings.HasSuffix(p, "/v3") {
			p += "/" + project
		}
	case "network", "load_balancer":
		if has {
			p = p[:strings.LastIndex(p, "/v")]
		}
		p += "/v2.0"
	case "image":
		if has {
			p = p[:strings.LastIndex(p, "/v")]
		}
		p += "/v2"
	}
	u.Path = p + "/"
	return u.String(), nil
}

// The newest microversions whose answers this plugin knows. Nova: 2.47 puts a flavor's numbers into the server, 2.69
// keeps a list whole when a cell is down, 2.96 is 2025.1's. Cinder: 3.70 is the last of Zed, Caracal and after.
var newest = map[string][2]int{"compute": {2, 96}, "volume": {3, 70}}

// negotiate asks a service once which microversions it speaks, and takes the newest that both know.
func (s *service) negotiate(ctx context.Context) error {
	s.once.Lock()
	defer s.once.Unlock()
	most, ok := newest[s.kind]
	if s.asked || !ok {
		return nil
	}
	root := versionRoot(s.base)
	var body struct {
		Version  *versionInfo  `json:"version"`
		Versions []versionInfo `json:"versions"`
	}
	if err := s.fetch(ctx, root, nil, &body); err != nil {
		var known *provider.Error
		if errors.As(err, &known) && known.Temporary() || ctx.Err() != nil {
			return err
		}
		// Some operators hide the document. Every list works without a microversion, with less in it.
		s.asked = true
		return nil
	}
	if body.Version != nil {
		body.Versions = append(body.Versions, *body.Version)
	}
	for _, v := range body.Versions {
		if version := v.choose(most); version != "" {
			s.client.Microversion = version
		}
	}
	s.asked = true
	return nil
}

// versionRoot is the part of an address up to its version, where a service describes it.
func versionRoot(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base
	}
	if at := versioned.FindStringIndex(u.Path); at != nil {
		u.Path = strings.TrimRight(u.Path[:at[1]], "/") + "/"
	}
	return u.String()
}

type versionInfo struct {
	ID      string `json:"id"`
	Max     string `json:"version"`
	Minimum string `json:"min_version"`
}

// choose is the version to ask for, or nothing where the service has no microversions.
func (v versionInfo) choose(most [2]int) string {
	var major, minor int
	if _, err := fmt.Sscanf(v.Max, "%d.%d", &major, &minor); err != nil || major != most[0] {
		return ""
	}
	return fmt.Sprintf("%d.%d", major, min(minor, most[1]))
}
