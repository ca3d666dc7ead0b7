package ansible_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"maestro.internal/plugins/ansible"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/serve"
)

const good = `{"ansible_facts": {"ansible_system": "Linux", "ansible_devices": {"sda": {"sectors": "2048", "partitions": {}}}}}`

// bucket answers as S3 does, until a fault says otherwise.
type bucket struct {
	objects map[string]string
	fault   func(w http.ResponseWriter, r *http.Request, times int) bool
	mu      sync.Mutex
	asked   map[string]int
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	b.asked[r.URL.Path]++
	times := b.asked[r.URL.Path]
	b.mu.Unlock()
	if b.fault != nil && b.fault(w, r, times) {
		return
	}
	key := strings.TrimPrefix(r.URL.Path, "/facts/")
	if r.URL.Query().Get("list-type") == "" {
		text, ok := b.objects[key]
		if !ok {
			refuse(w, 404, "NoSuchKey")
			return
		}
		_, _ = w.Write([]byte(text))
		return
	}
	w.Header().Set("Content-Type", "application/xml")
	_, _ = fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>late</Key><Size>9</Size></Contents>`)
	for key := range b.objects {
		_, _ = fmt.Fprintf(w, "<Contents><Key>%s</Key><Size>9</Size></Contents>", key)
	}
	_, _ = fmt.Fprint(w, `</ListBucketResult>`)
}

func refuse(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
	return true
}

// cut ends the connection in the middle of an answer.
func cut(w http.ResponseWriter) bool {
	w.Header().Set("Content-Length", "1000")
	_, _ = w.Write([]byte(`{"ansible_`))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

func credentials(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2-secret")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func TestBucketFaults(t *testing.T) {
	credentials(t)
	object := func(r *http.Request) bool { return r.URL.Query().Get("list-type") == "" }
	for name, tt := range map[string]struct {
		fault  func(w http.ResponseWriter, r *http.Request, times int) bool
		want   resource.Status
		says   string
		unread int
	}{
		"none, and a file gone since the listing": {want: resource.StatusComplete},
		"throttled twice":                         {fault: func(w http.ResponseWriter, _ *http.Request, n int) bool { return n < 3 && refuse(w, 503, "SlowDown") }, want: resource.StatusComplete},
		"cut in the middle of a file, twice":      {fault: func(w http.ResponseWriter, r *http.Request, n int) bool { return n < 3 && object(r) && cut(w) }, want: resource.StatusComplete},
		"a page cut, twice":                       {fault: func(w http.ResponseWriter, r *http.Request, n int) bool { return n < 3 && !object(r) && cut(w) }, want: resource.StatusComplete},
		"listing denied":                          {fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool { return refuse(w, 403, "AccessDenied") }, want: resource.StatusDenied, says: "s3:ListBucket"},
		"every file denied": {fault: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			return object(r) && refuse(w, 403, "AccessDenied")
		}, want: resource.StatusDenied, says: "s3:GetObject"},
		"one file denied": {fault: func(w http.ResponseWriter, r *http.Request, _ int) bool {
			return strings.HasSuffix(r.URL.Path, "web02") && refuse(w, 403, "AccessDenied")
		}, want: resource.StatusComplete, unread: 1},
		"wrong key": {fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool { return refuse(w, 403, "InvalidAccessKeyId") }, want: resource.StatusDenied},
		"clock is off": {fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			return refuse(w, 403, "RequestTimeTooSkewed")
		}, want: resource.StatusDenied, says: "clock"},
		"no bucket": {fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool { return refuse(w, 404, "NoSuchBucket") }, want: resource.StatusFailed, says: "bucket's name"},
		"other region": {fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			return refuse(w, 400, "AuthorizationHeaderMalformed")
		}, want: resource.StatusFailed, says: "another region"},
		"a page of web": {fault: func(w http.ResponseWriter, _ *http.Request, _ int) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprint(w, "<html><title>Sign in</title>")
			return true
		}, want: resource.StatusFailed},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bucket{objects: map[string]string{"web01": good, "web02": good, "db 1": good}, fault: tt.fault, asked: map[string]int{}}
			server := httptest.NewServer(b)
			defer server.Close()
			c := discover(t, map[string]any{"source": "s3", "bucket": "facts", "endpoint": server.URL}, "server")
			got := c.outcomes["server"]
			if got.Status != tt.want || got.Incomplete != tt.unread || !strings.Contains(got.Error+got.Advice, tt.says) {
				t.Errorf("%+v, want %s", got, tt.want)
			}
			if tt.want == resource.StatusComplete && len(c.of("server")) != 3 {
				t.Errorf("%d servers, want 3", len(c.of("server")))
			}
			if strings.Contains(fmt.Sprintf("%+v", got), "hunter2") {
				t.Error("the key is in the outcome")
			}
		})
	}
}

// Where nobody answers, or somebody with a certificate that nobody vouches for.
func TestBucketConnections(t *testing.T) {
	credentials(t)
	b := &bucket{asked: map[string]int{}}
	secure := httptest.NewTLSServer(b)
	defer secure.Close()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	away := "http://" + nobody.Addr().String()
	if err := nobody.Close(); err != nil {
		t.Fatal(err)
	}
	// Asked by a check, which repeats nothing.
	for endpoint, says := range map[string]string{secure.URL: "certificate", away: "refused"} {
		settings := json.RawMessage(fmt.Sprintf(`{"source":"s3","bucket":"facts","endpoint":%q}`, endpoint))
		report, err := serve.Local(ansible.New()).Check(t.Context(), provider.Connection{ID: "test", Settings: settings}, nil)
		if err != nil || len(report.Items) != 1 || report.Items[0].OK || report.Items[0].Advice == "" || !strings.Contains(report.Items[0].Message, says) {
			t.Errorf("%s: %+v, %v", endpoint, report, err)
		}
	}
}

// fileServer is an SSH server in this process that offers SFTP and nothing else.
type fileServer struct {
	port  int
	known string
	host  ssh.Signer
}

func signer(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return s, key
}

func startFileServer(t *testing.T, password string, key ssh.PublicKey, handlers sftp.Handlers) fileServer {
	t.Helper()
	host, _ := signer(t)
	config := &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, given []byte) (*ssh.Permissions, error) {
			if password == "" || string(given) != password {
				return nil, errors.New("wrong password")
			}
			return nil, nil
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, given ssh.PublicKey) (*ssh.Permissions, error) {
			if key == nil || string(given.Marshal()) != string(key.Marshal()) {
				return nil, errors.New("wrong key")
			}
			return nil, nil
		},
	}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { serveFiles(conn, config, handlers) })
		}
	})
	address := l.Addr().(*net.TCPAddr)
	return fileServer{port: address.Port, host: host, known: knownhosts.Line([]string{knownhosts.Normalize(address.String())}, host.PublicKey())}
}

func serveFiles(conn net.Conn, config *ssh.ServerConfig, handlers sftp.Handlers) {
	defer conn.Close() //nolint:errcheck // a test's
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			sub := r.Type == "subsystem" && strings.HasSuffix(string(r.Payload), "sftp")
			_ = r.Reply(sub, nil)
			if sub {
				go ssh.DiscardRequests(requests)
				_ = sftp.NewRequestServer(channel, handlers).Serve()
				break
			}
		}
		_ = channel.Close()
	}
}

// withLocks refuses to open the files named locked.
type withLocks struct{ sftp.FileReader }

func (w withLocks) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if strings.Contains(r.Filepath, "locked") {
		return nil, sftp.ErrSSHFxPermissionDenied
	}
	return w.FileReader.Fileread(r)
}

func memory(t *testing.T, files ...string) sftp.Handlers {
	t.Helper()
	h := sftp.InMemHandler()
	if err := h.FileCmd.Filecmd(sftp.NewRequest("Mkdir", "/facts")); err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		r := sftp.NewRequest("Put", "/facts/"+name)
		r.Flags = 0x1a // write, create, truncate
		w, err := h.FilePut.Filewrite(r)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.WriteAt([]byte(good), 0); err != nil {
			t.Fatal(err)
		}
	}
	h.FileGet = withLocks{h.FileGet}
	return h
}

func TestSFTPFaults(t *testing.T) {
	key, private := signer(t)
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte("hunter2-phrase"))
	if err != nil {
		t.Fatal(err)
	}
	locked := string(pem.EncodeToMemory(block))
	server := startFileServer(t, "hunter2-word", key.PublicKey(), memory(t, "web01", "web02", ".hidden", "locked"))
	other, _ := signer(t)
	address := fmt.Sprintf("127.0.0.1:%d", server.port)
	line := func(name string, of ssh.Signer) string {
		return knownhosts.Line([]string{knownhosts.Normalize(name)}, of.PublicKey())
	}
	for name, tt := range map[string]struct {
		known  string
		env    map[string]string
		path   string
		want   resource.Status
		says   string
		unread int
	}{
		"key with passphrase":         {env: map[string]string{"SSH_PRIVATE_KEY": locked, "SSH_PRIVATE_KEY_PASSPHRASE": "hunter2-phrase"}, want: resource.StatusComplete, unread: 1},
		"password":                    {env: map[string]string{"SSH_PASSWORD": "hunter2-word"}, want: resource.StatusComplete, unread: 1},
		"comments among the keys":     {known: "# " + address + " SSH-2.0-x\n" + server.known + "\n# the end\n", env: map[string]string{"SSH_PASSWORD": "hunter2-word"}, want: resource.StatusComplete, unread: 1},
		"wrong passphrase":            {env: map[string]string{"SSH_PRIVATE_KEY": locked, "SSH_PRIVATE_KEY_PASSPHRASE": "hunter2-wrong"}, want: resource.StatusDenied, says: "cannot be read"},
		"wrong password":              {env: map[string]string{"SSH_PASSWORD": "hunter2-wrong"}, want: resource.StatusDenied, says: "refuses"},
		"no credential":               {want: resource.StatusDenied, says: "SSH_PRIVATE_KEY"},
		"server unknown":              {known: line("127.0.0.1:1", server.host), env: map[string]string{"SSH_PASSWORD": "hunter2-word"}, want: resource.StatusFailed, says: "unknown"},
		"server with another key":     {known: line(address, other), env: map[string]string{"SSH_PASSWORD": "hunter2-word"}, want: resource.StatusFailed, says: "another host key"},
		"a folder that is not there":  {path: "/nowhere", env: map[string]string{"SSH_PASSWORD": "hunter2-word"}, want: resource.StatusFailed, says: "check the path"},
		"no file in the whole folder": {path: "/", env: map[string]string{"SSH_PASSWORD": "hunter2-word"}, want: resource.StatusFailed, says: "no fact files"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, v := range []string{"SSH_PRIVATE_KEY", "SSH_PRIVATE_KEY_PASSPHRASE", "SSH_PASSWORD"} {
				t.Setenv(v, tt.env[v])
			}
			known, path := tt.known, tt.path
			if known == "" {
				known = server.known
			}
			if path == "" {
				path = "/facts"
			}
			t.Setenv("TMPDIR", t.TempDir())
			c := discover(t, map[string]any{"source": "sftp", "host": "127.0.0.1", "port": server.port, "user": "u", "known_hosts": known, "paths": []string{path}}, "server")
			got := c.outcomes["server"]
			if got.Status != tt.want || got.Incomplete != tt.unread || !strings.Contains(got.Error+got.Advice, tt.says) {
				t.Errorf("%+v, want %s", got, tt.want)
			}
			if tt.want == resource.StatusComplete && (len(c.of("server")) != 3 || !slices.Contains(c.of("server")["locked"].Unread, "/attributes")) {
				t.Errorf("servers %v", c.of("server"))
			}
			if strings.Contains(fmt.Sprintf("%+v", got), "hunter2") {
				t.Errorf("a secret is in the outcome: %+v", got)
			}
			if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}
