package ansible

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sync/errgroup"

	"maestro.internal/sdk/ceiling"
	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

// remote reads folders of another machine over SFTP.
type remote struct {
	address, user string
	paths         []string
	knownHosts    []byte
	algorithms    []string
}

func newSFTP(s Settings) (source, error) {
	switch {
	case s.Host == "":
		return nil, &provider.SettingsError{Pointer: "/host", Problem: "is needed for sftp"}
	case s.User == "":
		return nil, &provider.SettingsError{Pointer: "/user", Problem: "is needed for sftp"}
	case len(s.Paths) == 0:
		return nil, &provider.SettingsError{Pointer: "/paths", Problem: "name at least one folder of the server"}
	case strings.TrimSpace(s.KnownHosts) == "":
		return nil, &provider.SettingsError{Pointer: "/known_hosts", Problem: "is needed: whoever answers in the server's place would get the password; print the keys with ssh-keyscan and compare them"}
	case s.Port < 0 || s.Port > 65535:
		return nil, &provider.SettingsError{Pointer: "/port", Problem: "is no port"}
	}
	algorithms, err := hostKeyAlgorithms([]byte(s.KnownHosts))
	if err != nil {
		return nil, &provider.SettingsError{Pointer: "/known_hosts", Problem: err.Error()}
	}
	port := s.Port
	if port == 0 {
		port = 22
	}
	return &remote{address: net.JoinHostPort(s.Host, strconv.Itoa(port)), user: s.User, paths: s.Paths,
		knownHosts: []byte(s.KnownHosts), algorithms: algorithms}, nil
}

// hostKeyAlgorithms are those of the keys that are known, so that the server shows one of them.
func hostKeyAlgorithms(lines []byte) ([]string, error) {
	var out []string
	for rest := lines; len(bytes.TrimSpace(rest)) > 0; {
		_, _, key, _, next, err := ssh.ParseKnownHosts(rest)
		if errors.Is(err, io.EOF) && len(out) > 0 {
			break // ends with a comment
		}
		if err != nil {
			return nil, errors.New("has a line that is no host key as ssh-keyscan prints it")
		}
		for _, a := range map[string][]string{ssh.KeyAlgoRSA: {ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}}[key.Type()] {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
		if key.Type() != ssh.KeyAlgoRSA && !slices.Contains(out, key.Type()) {
			out = append(out, key.Type())
		}
		rest = next
	}
	return out, nil
}

func (r *remote) fetch(ctx context.Context, calls caller, wanted func(string) bool) (f *folder, err error) {
	var client *ssh.Client
	err = calls.Call(ctx, transfer, func(ctx context.Context) (err error) {
		client, err = r.dial(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	defer client.Close()                                          //nolint:errcheck // everything was read
	stop := context.AfterFunc(ctx, func() { _ = client.Close() }) // sftp knows no contexts
	defer stop()
	files, err := sftp.NewClient(client, sftp.UseConcurrentReads(false))
	if err != nil {
		return nil, permanent(fmt.Errorf("open SFTP: %w", err), "the server must offer the subsystem sftp to this user")
	}
	defer files.Close() //nolint:errcheck // everything was read
	if f, err = temporary(); err != nil {
		return nil, err
	}
	for part, dir := range r.paths {
		if err := r.bring(ctx, files, f, part, dir, wanted); err != nil {
			return nil, errors.Join(err, f.remove())
		}
	}
	return f.done()
}

// bring copies the files of one folder.
func (r *remote) bring(ctx context.Context, files *sftp.Client, f *folder, part int, dir string, wanted func(string) bool) error {
	done, err := ceiling.Wait(ctx)
	if err != nil {
		return err
	}
	entries, err := files.ReadDir(dir)
	done()
	if err != nil {
		return remoteFailed(ctx, fmt.Errorf("list %s: %w", dir, err))
	}
	type found struct{ host, path string }
	var list []found
	for _, e := range entries {
		if host := hostOf(e.Name()); host != "" && !e.IsDir() && wanted(host) {
			list = append(list, found{host, path.Join(dir, e.Name())})
		}
	}
	if len(list) > maxFiles {
		return provider.Permanent(fmt.Errorf("more than %d fact files in %s", maxFiles, dir))
	}
	texts := make(chan found)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(texts)
		for _, x := range list {
			select {
			case texts <- x:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range 4 {
		group.Go(func() error {
			for x := range texts {
				err := copyFile(ctx, files, x.path, func(r *sftp.File) error { return f.add(part, x.host, r) })
				if refused(err) {
					f.miss(x.host, err) // one file, not the folder
				} else if err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func copyFile(ctx context.Context, files *sftp.Client, path string, take func(*sftp.File) error) error {
	done, err := ceiling.Wait(ctx)
	if err != nil {
		return err
	}
	defer done()
	file, err := files.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // gone since the listing
	}
	if err == nil {
		err = errors.Join(take(file), file.Close())
	}
	if err != nil {
		return remoteFailed(ctx, fmt.Errorf("read %s: %w", path, err))
	}
	return nil
}

func (r *remote) dial(ctx context.Context) (*ssh.Client, error) {
	auth, err := r.auth()
	if err != nil {
		return nil, err
	}
	check, err := r.hostKeys()
	if err != nil {
		return nil, err
	}
	done, err := ceiling.Wait(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).DialContext(ctx, "tcp", r.address)
	if err != nil {
		return nil, httpclient.Classify(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // for the handshake; a connection that cannot have one fails later
	c, channels, requests, err := ssh.NewClientConn(conn, r.address, &ssh.ClientConfig{User: r.user, Auth: auth, HostKeyCallback: check, HostKeyAlgorithms: r.algorithms})
	if err != nil {
		_ = conn.Close()
		return nil, handshakeFailed(ctx, err)
	}
	_ = conn.SetDeadline(time.Time{})
	return ssh.NewClient(c, channels, requests), nil
}

func (r *remote) auth() ([]ssh.AuthMethod, error) {
	var out []ssh.AuthMethod
	if text := os.Getenv(envKey); text != "" {
		signer, err := ssh.ParsePrivateKey([]byte(text))
		var locked *ssh.PassphraseMissingError
		if errors.As(err, &locked) {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(text), []byte(os.Getenv(envPassphrase)))
		}
		if err != nil { // its words may hold parts of the key
			return nil, provider.Denied(errors.New("the credential's SSH key cannot be read"), "give "+envKey+" a key in PEM form, and "+envPassphrase+" if it has a passphrase")
		}
		out = append(out, ssh.PublicKeys(signer))
	}
	if password := os.Getenv(envPassword); password != "" {
		out = append(out, ssh.Password(password))
	}
	if len(out) == 0 {
		return nil, provider.Denied(errors.New("the credential has neither SSH key nor password"), "give it "+envKey+" or "+envPassword)
	}
	return out, nil
}

// hostKeys checks the server's key. The library reads known keys from files only.
func (r *remote) hostKeys() (ssh.HostKeyCallback, error) {
	dir, err := os.MkdirTemp("", "maestro-keys-")
	if err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the agent removes what is left
	file := filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(file, r.knownHosts, 0o600); err != nil {
		return nil, fmt.Errorf("write known hosts: %w", err)
	}
	check, err := knownhosts.New(file)
	if err != nil {
		return nil, &provider.SettingsError{Pointer: "/known_hosts", Problem: "cannot be read"}
	}
	return check, nil
}

func handshakeFailed(ctx context.Context, err error) error {
	var key *knownhosts.KeyError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &key) && len(key.Want) == 0:
		return permanent(errors.New("the server's host key is unknown"), "add the server's keys, as ssh-keyscan prints them for this very name and port, to the settings after comparing them with its administrator")
	case errors.As(err, &key):
		return permanent(errors.New("the server shows another host key than the one that is known"), "it was set up anew, or somebody is in between: ask its administrator, then change the settings")
	case strings.Contains(err.Error(), "no common algorithm for host key"):
		return permanent(err, "the server has no key of the types that the settings know: add its keys as ssh-keyscan prints them")
	case strings.Contains(err.Error(), "unable to authenticate"):
		return provider.Denied(errors.New("the server refuses user, key or password"), "check the user, and that its authorized_keys has the key")
	}
	return &provider.Error{Status: resource.StatusUnreachable, Err: fmt.Errorf("open SSH: %w", err), Advice: "check that an SSH server answers there"}
}

func remoteFailed(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrPermission):
		return provider.Denied(err, "let the user read the folder on the server")
	case errors.Is(err, fs.ErrNotExist):
		return permanent(err, "check the path, on the server")
	}
	return provider.Unreachable(err)
}
