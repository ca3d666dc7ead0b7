// Package directory checks passwords with an LDAP directory (OpenLDAP, Active Directory): it looks for the one entry of a name and
// signs in as it, or signs in directly where names make up the entry's own. What it answers is who somebody is; what follows from
// that is decided by access.
//
// Directories let in whoever brings an empty password ("unauthenticated bind", RFC 4513 5.1.2), so one is never sent. Names become
// part of filters and entry names only escaped, referrals are not followed, and one question is asked per connection.
package directory

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"maestro.internal/collector/internal/access"
)

// Options of a Directory.
type Options struct {
	// URLs are asked in order until one answers: ldaps://host, or ldap://host with StartTLS.
	URLs []string
	// StartTLS encrypts connections to ldap:// before anything is said. Without either only this machine is asked.
	StartTLS bool
	// CA to trust in place of the system's; nil is the system's.
	CA *x509.CertPool

	// BindTemplate makes the entry's name of the user's, {username} standing for it: uid={username},ou=people,dc=example,dc=org, or
	// {username}@example.org. Empty: the entry is looked for.
	BindTemplate string
	// BindDN and BindPassword look for entries; without them that is done as nobody.
	BindDN       string
	BindPassword access.Secret
	// Base and Filter find the entry, {username} standing for the name.
	Base, Filter string

	// Attributes of the entry.
	IDAttribute, UsernameAttribute, NameAttribute, EmailAttribute string
	// GroupsAttribute of the entry names its groups; GroupBase and GroupFilter look for groups beside, {dn} and {username} standing
	// for the entry. Empty is none.
	GroupsAttribute        string
	GroupBase, GroupFilter string

	Log *slog.Logger
}

const (
	// within bounds one sign-in, all questions together.
	within    = 15 * time.Second
	maxGroups = 2000
)

// Directory is one.
type Directory struct{ opt Options }

// New checks what can be checked without asking.
func New(opt Options) (*Directory, error) {
	if len(opt.URLs) == 0 {
		return nil, errors.New("url is empty")
	}
	for _, text := range opt.URLs {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "ldap" && u.Scheme != "ldaps":
			return nil, fmt.Errorf("url: %q is not like ldaps://ldap.example.org", text)
		case u.Scheme == "ldap" && !opt.StartTLS && !loopback(u.Hostname()):
			return nil, fmt.Errorf("url: %q would carry passwords in the clear: use ldaps:// or start_tls", text)
		}
	}
	switch {
	case opt.BindTemplate != "" && !strings.Contains(opt.BindTemplate, "{username}"):
		return nil, errors.New("bind_template has no {username}")
	case opt.Base == "" && opt.BindTemplate == "":
		return nil, errors.New("want base, or bind_template")
	case opt.Base != "" && !strings.Contains(opt.Filter, "{username}"):
		return nil, errors.New("filter has no {username}")
	case opt.BindDN != "" && opt.BindPassword.Reveal() == "":
		return nil, errors.New("bind_dn has no password")
	}
	if opt.Base != "" {
		if _, err := ldap.CompileFilter(fill(opt.Filter, map[string]string{"username": "x"})); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Directory{opt}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// fill puts values that are escaped already into a template.
func fill(template string, values map[string]string) string {
	for name, value := range values {
		template = strings.ReplaceAll(template, "{"+name+"}", value)
	}
	return template
}

// Prove answers who has this name and password.
func (d *Directory) Prove(ctx context.Context, username string, password access.Secret) (access.External, error) {
	if password.Reveal() == "" || username == "" { // a directory would let it in
		return access.External{}, access.ErrUnauthenticated
	}
	conn, err := d.dial(ctx)
	if err != nil {
		return access.External{}, err
	}
	defer func() { _ = conn.Close() }()
	entry, err := d.signIn(conn, username, password.Reveal())
	if err != nil {
		return access.External{}, err
	}
	return d.person(conn, username, entry)
}

// Pretend does the same for a name and a password that nobody has.
func (d *Directory) Pretend(ctx context.Context, username string) {
	conn, err := d.dial(ctx)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = d.lookAndFail(conn, username)
}

// dial goes through the servers until one is there.
func (d *Directory) dial(ctx context.Context) (*ldap.Conn, error) {
	var errs []error
	for _, text := range d.opt.URLs {
		conn, err := d.dialOne(ctx, text)
		if err == nil {
			return conn, nil
		}
		errs = append(errs, fmt.Errorf("connect to %s: %w", text, err))
	}
	return nil, errors.Join(errs...)
}

func (d *Directory) dialOne(ctx context.Context, text string) (*ldap.Conn, error) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.opt.CA, ServerName: u.Hostname()}
	until := time.Now().Add(within)
	if t, ok := ctx.Deadline(); ok && t.Before(until) {
		until = t
	}
	conn, err := ldap.DialURL(text, ldap.DialWithDialer(&net.Dialer{Deadline: until}), ldap.DialWithTLSConfig(secure))
	if err != nil {
		return nil, err
	}
	conn.SetTimeout(time.Until(until))
	if u.Scheme == "ldap" && d.opt.StartTLS {
		if err := conn.StartTLS(secure); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return conn, nil
}

// signIn signs the connection in as the user and answers the entry.
func (d *Directory) signIn(conn *ldap.Conn, username, password string) (*ldap.Entry, error) {
	if d.opt.BindTemplate != "" {
		if err := bind(conn, d.direct(username), password); err != nil {
			return nil, err
		}
		if d.opt.Base == "" {
			return &ldap.Entry{DN: d.direct(username)}, nil
		}
		return d.look(conn, username) // as the user
	}
	if err := d.asService(conn); err != nil {
		return nil, err
	}
	entry, err := d.look(conn, username)
	if errors.Is(err, access.ErrUnauthenticated) { // nobody, or several: as long as for somebody
		_ = bind(conn, d.nobody(), random())
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	return entry, bind(conn, entry.DN, password)
}

func (d *Directory) lookAndFail(conn *ldap.Conn, username string) (*ldap.Entry, error) {
	if d.opt.BindTemplate != "" {
		return nil, bind(conn, d.direct(random()), random())
	}
	if err := d.asService(conn); err != nil {
		return nil, err
	}
	_, err := d.look(conn, username)
	return nil, errors.Join(err, bind(conn, d.nobody(), random()))
}

// direct is the entry's name, or what Active Directory takes for it.
func (d *Directory) direct(username string) string {
	if strings.Contains(d.opt.BindTemplate, "=") {
		username = ldap.EscapeDN(username)
	}
	return fill(d.opt.BindTemplate, map[string]string{"username": username})
}

// nobody is an entry that is not there.
func (d *Directory) nobody() string { return "cn=" + random() + "," + d.opt.Base }

func random() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // does not fail
	return hex.EncodeToString(b)
}

func (d *Directory) asService(conn *ldap.Conn) error {
	if d.opt.BindDN == "" {
		return nil
	}
	if err := conn.Bind(d.opt.BindDN, d.opt.BindPassword.Reveal()); err != nil {
		return fmt.Errorf("sign in as %s: %w", d.opt.BindDN, err)
	}
	return nil
}

// refused are the answers that mean that name and password are not right, or may not be used.
var refused = []uint16{ldap.LDAPResultInvalidCredentials, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax,
	ldap.LDAPResultInappropriateAuthentication, ldap.LDAPResultUnwillingToPerform, ldap.LDAPResultConstraintViolation}

func bind(conn *ldap.Conn, dn, password string) error {
	if dn == "" || password == "" {
		return access.ErrUnauthenticated
	}
	err := conn.Bind(dn, password)
	if ldap.IsErrorAnyOf(err, refused...) {
		return access.ErrUnauthenticated
	}
	if err != nil {
		return fmt.Errorf("sign in to the directory: %w", err)
	}
	return nil
}

// look finds the one entry of a name. Several are nobody: which of them it is nobody can say.
func (d *Directory) look(conn *ldap.Conn, username string) (*ldap.Entry, error) {
	attributes := []string{d.opt.IDAttribute, d.opt.UsernameAttribute, d.opt.NameAttribute, d.opt.EmailAttribute, d.opt.GroupsAttribute}
	attributes = slices.DeleteFunc(attributes, func(s string) bool { return s == "" })
	found, err := conn.Search(ldap.NewSearchRequest(d.opt.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, int(within.Seconds()), false,
		fill(d.opt.Filter, map[string]string{"username": ldap.EscapeFilter(username)}), attributes, nil))
	if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultNoSuchObject) {
		return nil, fmt.Errorf("look for a user: %w", err)
	}
	if err == nil && len(found.Entries) == 1 && found.Entries[0].DN != "" {
		return found.Entries[0], nil
	}
	if err == nil && len(found.Entries) > 1 || ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) {
		d.opt.Log.Warn("look for a user: the filter finds several", "user", username)
	}
	return nil, access.ErrUnauthenticated
}

// person reads the entry.
func (d *Directory) person(conn *ldap.Conn, username string, entry *ldap.Entry) (access.External, error) {
	x := access.External{Issuer: "ldap:" + strings.ToLower(d.opt.Base+d.suffix()), Subject: d.subject(entry), Username: entry.GetAttributeValue(d.opt.UsernameAttribute),
		Name: entry.GetAttributeValue(d.opt.NameAttribute), Email: entry.GetAttributeValue(d.opt.EmailAttribute)}
	if x.Username == "" {
		x.Username = username
	}
	x.EmailVerified = x.Email != "" // the directory's own administrators wrote it
	groups, err := d.groups(conn, username, entry)
	x.Groups = groups
	return x, err
}

// suffix tells directories without a base apart.
func (d *Directory) suffix() string {
	if d.opt.Base != "" {
		return ""
	}
	return d.opt.BindTemplate
}

// subject is what stays when somebody is renamed; Active Directory's is bytes.
func (d *Directory) subject(entry *ldap.Entry) string {
	raw := entry.GetRawAttributeValue(d.opt.IDAttribute)
	switch {
	case len(raw) == 0:
		return "dn:" + strings.ToLower(entry.DN)
	case utf8.Valid(raw):
		return string(raw)
	}
	return hex.EncodeToString(raw)
}

// groups are the names of the groups, and where they have one the first part of it: "cn=ops,ou=groups,dc=example" and "ops".
func (d *Directory) groups(conn *ldap.Conn, username string, entry *ldap.Entry) ([]string, error) {
	names := entry.GetAttributeValues(d.opt.GroupsAttribute)
	if d.opt.GroupBase != "" {
		if err := d.asService(conn); err != nil { // who signs in may not be allowed to look
			return nil, err
		}
		filter := fill(d.opt.GroupFilter, map[string]string{"dn": ldap.EscapeFilter(entry.DN), "username": ldap.EscapeFilter(username)})
		found, err := conn.Search(ldap.NewSearchRequest(d.opt.GroupBase, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, maxGroups, int(within.Seconds()), false, filter, []string{"cn"}, nil))
		if err != nil && !ldap.IsErrorAnyOf(err, ldap.LDAPResultSizeLimitExceeded, ldap.LDAPResultNoSuchObject) {
			return nil, fmt.Errorf("look for groups: %w", err)
		}
		if found != nil {
			for _, g := range found.Entries {
				names = append(names, g.DN)
			}
		}
	}
	var all []string
	for _, name := range names[:min(len(names), maxGroups)] {
		all = append(all, name)
		if dn, err := ldap.ParseDN(name); err == nil && len(dn.RDNs) > 0 && len(dn.RDNs[0].Attributes) > 0 {
			all = append(all, dn.RDNs[0].Attributes[0].Value)
		}
	}
	return all, nil
}
