package directory_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"maestro.internal/collector/internal/access"
	"maestro.internal/collector/internal/directory"
)

// tree is what the test's directory holds.
const tree = `dn: dc=example,dc=org
objectClass: organization
objectClass: dcObject
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: ou=groups,dc=example,dc=org
objectClass: organizationalUnit
ou: groups

dn: cn=reader,dc=example,dc=org
objectClass: person
cn: reader
sn: reader
userPassword: reader secret

dn: uid=anna,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: anna
cn: Anna (A) *
sn: A
mail: anna@example.org
userPassword: anna secret

dn: uid=bert\, b,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bert, b
cn: Bert
sn: B
userPassword: bert secret

dn: uid=twin1,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin1
uid: twin
cn: Twin
sn: T
userPassword: twin secret

dn: uid=twin2,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: twin2
uid: twin
cn: Twin
sn: T
userPassword: twin secret

dn: uid=keyless,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: keyless
cn: Keyless
sn: K

dn: cn=ops,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: ops
member: uid=anna,ou=people,dc=example,dc=org

dn: cn=dba,ou=groups,dc=example,dc=org
objectClass: groupOfNames
cn: dba
member: uid=bert\, b,ou=people,dc=example,dc=org
`

// server is OpenLDAP's slapd, which .ci/run installs.
type server struct {
	plain, secure string
	ca            *x509.CertPool
}

func start(t *testing.T) server {
	t.Helper()
	slapd, err := exec.LookPath("slapd")
	if err != nil {
		if _, statErr := os.Stat("/usr/sbin/slapd"); statErr != nil {
			t.Skip("slapd is missing: apt-get install slapd")
		}
		slapd = "/usr/sbin/slapd"
	}
	dir := t.TempDir()
	s := server{ca: x509.NewCertPool()}
	cert, key, ca := certificate(t)
	s.ca.AppendCertsFromPEM(ca)
	write := func(name string, content []byte) string {
		at := filepath.Join(dir, name)
		if err := os.WriteFile(at, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return at
	}
	must(t, os.Mkdir(filepath.Join(dir, "db"), 0o700))
	config := fmt.Sprintf(`include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile %[1]s/pid
TLSCertificateFile %[2]s
TLSCertificateKeyFile %[3]s
TLSCACertificateFile %[4]s
database mdb
maxsize 10485760
suffix "dc=example,dc=org"
rootdn "cn=root,dc=example,dc=org"
rootpw secret
directory %[1]s/db
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="cn=reader,dc=example,dc=org" read by self read by users search by * none
`, dir, write("cert.pem", cert), write("key.pem", key), write("ca.pem", ca))
	conf, ldif := write("slapd.conf", []byte(config)), write("tree.ldif", []byte(tree))
	s.plain, s.secure = "ldap://"+free(t), "ldaps://"+free(t)
	var log bytes.Buffer
	cmd := exec.Command(slapd, "-f", conf, "-h", s.plain+" "+s.secure, "-d", "0")
	cmd.Stderr, cmd.SysProcAttr = &log, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
	})
	// Through the server itself, so that the overlay sees it.
	for until := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		out, err := exec.Command("ldapadd", "-x", "-H", s.plain, "-D", "cn=root,dc=example,dc=org", "-w", "secret", "-f", ldif).CombinedOutput()
		if err == nil {
			return s
		}
		if !strings.Contains(string(out), "Can't contact") || time.Now().After(until) {
			t.Fatalf("fill the directory: %v\n%s\n%s", err, out, log.String())
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// free is an address that nobody listens on.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer func() { must(t, l.Close()) }()
	return l.Addr().String()
}

func certificate(t *testing.T) (cert, key, ca []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	about := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, about, about, k.Public(), k)
	must(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	must(t, err)
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), cert
}

// searching looks for entries as OpenLDAP keeps them.
func searching(s server) directory.Options {
	return directory.Options{URLs: []string{s.secure}, CA: s.ca, BindDN: "cn=reader,dc=example,dc=org", BindPassword: access.NewSecret("reader secret"),
		Base: "ou=people,dc=example,dc=org", Filter: "(uid={username})", IDAttribute: "entryUUID", UsernameAttribute: "uid", NameAttribute: "cn", EmailAttribute: "mail",
		GroupsAttribute: "memberOf"}
}

func open(t *testing.T, opt directory.Options) *directory.Directory {
	t.Helper()
	d, err := directory.New(opt)
	must(t, err)
	return d
}

func TestDirectory(t *testing.T) {
	s := start(t)
	t.Run("by looking for the entry", func(t *testing.T) {
		x, err := open(t, searching(s)).Prove(t.Context(), "ANNA", access.NewSecret("anna secret"))
		must(t, err)
		if x.Username != "anna" || x.Name != "Anna (A) *" || x.Email != "anna@example.org" || len(x.Subject) != 36 || x.Issuer != "ldap:ou=people,dc=example,dc=org" {
			t.Errorf("%+v", x)
		}
		if !slices.Equal(x.Groups, []string{"cn=ops,ou=groups,dc=example,dc=org", "ops"}) {
			t.Errorf("groups %q", x.Groups)
		}
	})
	t.Run("what is not right is one answer", func(t *testing.T) {
		d := open(t, searching(s))
		for _, c := range [][2]string{
			{"anna", "wrong"}, {"anna", ""}, {"", ""}, {"", "x"}, {"nobody", "x"}, {"nobody", ""}, {"keyless", "x"}, {"keyless", ""},
			{"*", "anna secret"}, {"a*", "anna secret"}, {"anna)(uid=*", "anna secret"}, {"*)(|(uid=*", "anna secret"}, {"anna\x00", "anna secret"},
			{"uid=anna,ou=people,dc=example,dc=org", "anna secret"}, {"reader", "reader secret"}, {"twin", "twin secret"},
		} {
			if x, err := d.Prove(t.Context(), c[0], access.NewSecret(c[1])); !errors.Is(err, access.ErrUnauthenticated) {
				t.Errorf("%q with %q: %+v, %v", c[0], c[1], x, err)
			}
		}
	})
	t.Run("names with commas, directly and by looking", func(t *testing.T) {
		direct := searching(s)
		direct.BindTemplate, direct.BindDN = "uid={username},ou=people,dc=example,dc=org", ""
		for name, d := range map[string]*directory.Directory{"looking": open(t, searching(s)), "directly": open(t, direct)} {
			x, err := d.Prove(t.Context(), "bert, b", access.NewSecret("bert secret"))
			if err != nil || x.Username != "bert, b" {
				t.Errorf("%s: %+v, %v", name, x, err)
			}
		}
		d := open(t, direct)
		for _, c := range [][2]string{{"anna", "wrong"}, {"anna", ""}, {"nobody", "x"}, {"anna,ou=people", "anna secret"}, {"x,cn=reader", "reader secret"}, {"", "x"}} {
			if _, err := d.Prove(t.Context(), c[0], access.NewSecret(c[1])); !errors.Is(err, access.ErrUnauthenticated) {
				t.Errorf("%q with %q: %v", c[0], c[1], err)
			}
		}
	})
	t.Run("groups that are looked for", func(t *testing.T) {
		opt := searching(s)
		opt.GroupsAttribute, opt.GroupBase, opt.GroupFilter = "", "ou=groups,dc=example,dc=org", "(member={dn})"
		x, err := open(t, opt).Prove(t.Context(), "bert, b", access.NewSecret("bert secret"))
		if err != nil || !slices.Equal(x.Groups, []string{"cn=dba,ou=groups,dc=example,dc=org", "dba"}) {
			t.Errorf("%+v, %v", x, err)
		}
	})
	t.Run("encrypted from the first word", func(t *testing.T) {
		opt := searching(s)
		opt.URLs, opt.StartTLS = []string{"ldap://127.0.0.1:1", s.plain}, true // the first one is away
		if _, err := open(t, opt).Prove(t.Context(), "anna", access.NewSecret("anna secret")); err != nil {
			t.Error(err)
		}
		opt.CA = x509.NewCertPool()
		for _, url := range []string{s.plain, s.secure} {
			opt.URLs, opt.StartTLS = []string{url}, url == s.plain
			if _, err := open(t, opt).Prove(t.Context(), "anna", access.NewSecret("anna secret")); err == nil || errors.Is(err, access.ErrUnauthenticated) {
				t.Errorf("%s: a certificate of nobody's is trusted: %v", url, err)
			}
		}
	})
	t.Run("the service's own mistakes are not the user's", func(t *testing.T) {
		for name, change := range map[string]func(*directory.Options){
			"password": func(o *directory.Options) { o.BindPassword = access.NewSecret("wrong") },
			"away":     func(o *directory.Options) { o.URLs = []string{"ldaps://127.0.0.1:1"} },
		} {
			opt := searching(s)
			change(&opt)
			if _, err := open(t, opt).Prove(t.Context(), "anna", access.NewSecret("anna secret")); err == nil || errors.Is(err, access.ErrUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("pretending lets nobody in and takes the same steps", func(t *testing.T) {
		open(t, searching(s)).Pretend(t.Context(), "anna")
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		open(t, searching(s)).Pretend(canceled, "anna")
	})
}

func TestOptionsThatGivePasswordsAway(t *testing.T) {
	good := directory.Options{URLs: []string{"ldaps://ldap.example.org"}, Base: "dc=x", Filter: "(uid={username})"}
	if _, err := directory.New(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*directory.Options){
		"in the clear":         func(o *directory.Options) { o.URLs = []string{"ldap://ldap.example.org"} },
		"no address":           func(o *directory.Options) { o.URLs = []string{"ldap.example.org"} },
		"none":                 func(o *directory.Options) { o.URLs = nil },
		"filter without name":  func(o *directory.Options) { o.Filter = "(uid=x)" },
		"half a filter":        func(o *directory.Options) { o.Filter = "(uid={username}" },
		"template":             func(o *directory.Options) { o.BindTemplate = "uid=x" },
		"service, no password": func(o *directory.Options) { o.BindDN = "cn=x" },
	} {
		bad := good
		change(&bad)
		if _, err := directory.New(bad); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
