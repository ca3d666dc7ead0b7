package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/contexts"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

func (a *app) login() *cobra.Command {
	var name, username, role, code string
	var tokenStdin, passwordStdin bool
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Sign in to a collector and remember it",
		Long: `Sign in to a collector and remember it.

The password is asked for, or read from standard input with --password-stdin; it is used once, to make an API
token, and forgotten. A user with a second factor is asked for a code too. A token that you have already comes in with --token-stdin.
A token is of one tenant: --tenant makes one for another that you are in, and later chooses it.`,
		Example: "  maestro login https://maestro.example.org --username anna\n  maestro login http://127.0.0.1:7070 --token-stdin < token.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := newClient(args[0], ""); err != nil {
				return err
			}
			token, err := a.obtainToken(cmd.Context(), args[0], username, role, code, tokenStdin, passwordStdin)
			if err != nil {
				return err
			}
			return a.remember(cmd.Context(), name, args[0], token)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`name` to remember it by (default: the host)")
	cmd.Flags().StringVar(&username, "username", "admin", "user `name`")
	cmd.Flags().StringVar(&role, "role", "admin", "`role` of the token to make: admin or reader")
	cmd.Flags().StringVar(&code, "code", "", "`code` of the second factor, for a user who has one (default: asked for when it is needed)")
	cmd.Flags().BoolVar(&tokenStdin, "token-stdin", false, "read an API token from standard input")
	cmd.Flags().BoolVar(&passwordStdin, "password-stdin", false, "read the password from standard input")
	return cmd
}

func (a *app) obtainToken(ctx context.Context, base, username, role, code string, tokenStdin, passwordStdin bool) (string, error) {
	if tokenStdin {
		if a.env.ReadPassword != nil {
			return a.env.ReadPassword("API token: ")
		}
		return a.readLine()
	}
	var password string
	var err error
	switch {
	case passwordStdin:
		password, err = a.readLine()
	case a.env.ReadPassword != nil:
		password, err = a.env.ReadPassword("Password of " + username + ": ")
	default:
		err = usageError{errors.New("there is no terminal to ask for the password: use --password-stdin or --token-stdin")}
	}
	if err != nil {
		return "", err
	}
	who := client.Credentials{Username: username, Password: password, Code: code, Tenant: a.tenant, Ask: func() (string, error) {
		if a.env.ReadPassword == nil {
			return "", usageError{errors.New("a code of the second factor is needed and there is no terminal to ask for it: use --code, or --token-stdin")}
		}
		return a.env.ReadPassword("Code of the second factor: ")
	}}
	return client.SignIn(ctx, base, who, rest.TokenCreate{Name: "maestro command line", Role: role}, http.DefaultTransport)
}

func (a *app) readLine() (string, error) {
	line, err := bufio.NewReader(a.env.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read standard input: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (a *app) remember(ctx context.Context, name, base, token string) error {
	c, err := a.inTenant(newClient(base, token))
	if err != nil {
		return err
	}
	who, err := client.Get[rest.Session](ctx, c, "/session", nil)
	if err != nil {
		return err
	}
	path, err := contexts.Path(a.env.Getenv)
	if err != nil {
		return err
	}
	file, err := contexts.Load(path)
	if err != nil {
		return err
	}
	if name == "" {
		u, err := url.Parse(base)
		if err != nil {
			return fmt.Errorf("read collector address: %w", err)
		}
		name = u.Host
		if a.tenant != "" {
			name += "/" + a.tenant
		}
	}
	file.Contexts[name] = contexts.Context{URL: base, Token: token, Tenant: who.Tenant}
	file.Current = name
	if err := file.Save(); err != nil {
		return err
	}
	fmt.Fprintf(a.env.Out, "Signed in to %s as %s (%s); remembered as %q.\n", base, output.Clean(who.Username), who.Role, name)
	return nil
}

func (a *app) contexts() *cobra.Command {
	cmd := &cobra.Command{Use: "contexts", Short: "List the collectors you are signed in to", Args: cobra.NoArgs}
	load := func() (*contexts.File, error) {
		path, err := contexts.Path(a.env.Getenv)
		if err != nil {
			return nil, err
		}
		return contexts.Load(path)
	}
	type entry struct {
		Name    string `json:"name"`
		URL     string `json:"url"`
		Tenant  string `json:"tenant,omitempty"`
		Current bool   `json:"current"`
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		file, err := load()
		if err != nil {
			return err
		}
		list := []entry{}
		for n, c := range file.Contexts {
			list = append(list, entry{n, c.URL, c.Tenant, n == file.Current})
		}
		slices.SortFunc(list, func(x, y entry) int { return strings.Compare(x.Name, y.Name) })
		return a.print(list, func() output.Table {
			t := output.Table{Header: []string{"", "name", "url", "tenant"}}
			for _, e := range list {
				mark := ""
				if e.Current {
					mark = "*"
				}
				t.Rows = append(t.Rows, []string{mark, e.Name, e.URL, e.Tenant})
			}
			if len(list) == 0 {
				t.Note = "None yet: run `maestro login URL`."
			}
			return t
		})
	}
	cmd.AddCommand(&cobra.Command{
		Use: "use NAME", Short: "Choose the collector to ask from now on", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := load()
			if err != nil {
				return err
			}
			if _, err := file.Choose(args[0]); err != nil {
				return usageError{err}
			}
			file.Current = args[0]
			return file.Save()
		},
	})
	return cmd
}

// document reads a document in JSON or YAML from a file, or from standard input for "-".
func (a *app) document(name string, read func(string) ([]byte, error), into any) error {
	var b []byte
	var err error
	if name == "-" {
		b, err = io.ReadAll(a.env.In)
	} else {
		b, err = read(name)
	}
	if err != nil {
		return usageError{fmt.Errorf("read %s: %w", name, err)}
	}
	inYAML := false
	if text := bytes.TrimSpace(b); len(text) > 0 && text[0] != '{' && text[0] != '[' {
		inYAML = true
		if b, err = yaml.YAMLToJSON(b); err != nil {
			return usageError{fmt.Errorf("read %s: %s", name, strings.TrimSpace(yaml.FormatError(err, false, false)))}
		}
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		line := 1 + bytes.Count(b[:min(int(dec.InputOffset()), len(b))], []byte("\n"))
		if member, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok { // the package has no error of its own for it
			err = fmt.Errorf("there is no member %s here; what is printed with -o json has them all", member)
		}
		if inYAML {
			return usageError{fmt.Errorf("read %s: %w", name, err)}
		}
		return usageError{fmt.Errorf("read %s: line %d: %w", name, line, err)}
	}
	return nil
}
