package cli

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
	"maestro.internal/internal/sealed"
)

// sealed lists and keeps up the credentials that `maestro seal` made.
func (a *app) sealed() *cobra.Command {
	var f listFlags
	var reenter, due bool
	cmd := &cobra.Command{
		Use: "sealed", Short: "List sealed credentials, those to be entered again, and the recovery key", Args: cobra.NoArgs,
		Long: "List how the sealed credentials of the connections stand: ready, waiting for the key from another agent, or to be entered again because\n" +
			"no agent can open them any more or because the settings that they are bound to have changed. `new` is a new one that is not used yet:\n" +
			"checking while its agent tries it, refused when it does not work.",
		Example: "  maestro sealed\n  maestro sealed --reenter\n  maestro sealed --due\n  maestro sealed rotate --filter 'provider = vsphere' --file VSPHERE_PASSWORD=new.txt --set VSPHERE_USERNAME=maestro@vsphere.local\n  maestro sealed recovery-key make recovery.pem",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			switch {
			case reenter && f.filter != "" || due && f.filter != "" || reenter && due:
				return usageError{errors.New("want one of --reenter, --due and --filter")}
			case due:
				f.filter = `due = true`
			case reenter:
				f.filter = `state = "reenter"`
			}
			return printList(a, cmd, c, "/sealed-credentials", f, []string{"connection", "state", "variables", "sealed", "by", "new", "opened by", "reason"}, func(x rest.SealedCredential, now time.Time) []string {
				var names []string
				for _, r := range x.OpenedBy {
					names = append(names, r.Name)
				}
				sealedAt := "-"
				if !x.SealedAt.IsZero() {
					sealedAt = output.Ago(x.SealedAt, now)
				}
				if x.Due {
					sealedAt += ", due"
				}
				fresh, why := "-", []string{x.Reason, x.Advice}
				if x.Candidate != nil {
					fresh, why = x.Candidate.State, append(why, x.Candidate.Error)
				}
				why = slices.DeleteFunc(why, func(s string) bool { return s == "" })
				return []string{x.Connection.Name, x.State, strings.Join(x.Variables, " "), sealedAt, x.SealedBy, fresh, strings.Join(names, ", "), strings.Join(why, " ")}
			})
		}),
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&reenter, "reenter", false, "only those that have to be entered again")
	cmd.Flags().BoolVar(&due, "due", false, "only those that are older than `maestro sealed reminder` says")
	cmd.AddCommand(a.sealedRotate(), a.sealedRetry(), a.sealedDiscard(), a.sealedReminder(), a.sealedDelete(), a.sealedOpen(), a.sealedRecover(), a.recoveryKey())
	return cmd
}

func (a *app) sealedDelete() *cobra.Command {
	return &cobra.Command{
		Use: "delete CONNECTION", Short: "Forget the sealed credential of a connection", Args: cobra.ExactArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			terms, err := sealTerms(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: sealedPath(terms[0].ID)}, nil)
		}),
	}
}

// offline reads the recovery key and what it is to open.
func offline(cmd *cobra.Command, c *client.Client, keyFile, id string) (sealed.PrivateKey, sealed.Envelope, error) {
	text, err := os.ReadFile(keyFile)
	if err != nil {
		return sealed.PrivateKey{}, sealed.Envelope{}, fmt.Errorf("read recovery key: %w", err)
	}
	key, err := sealed.ParseKey(text)
	if err != nil {
		return key, sealed.Envelope{}, fmt.Errorf("read recovery key %s: %w", keyFile, err)
	}
	e, err := client.Get[rest.SealedEnvelope](cmd.Context(), c, sealedPath(id)+"/envelope", nil)
	out := sealed.Envelope{Header: e.Header, Ciphertext: e.Ciphertext}
	for _, w := range e.Wraps {
		out.Wraps = append(out.Wraps, sealed.Wrap(w))
	}
	return key, out, err
}

func (a *app) sealedOpen() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use: "open CONNECTION", Short: "Print the values of a sealed credential, with the recovery key", Args: cobra.ExactArgs(1),
		Long: "Print the values of a sealed credential. It is opened on this machine with the recovery key; the collector sees neither.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			terms, err := sealTerms(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			key, e, err := offline(cmd, c, keyFile, terms[0].ID)
			if err != nil {
				return err
			}
			values, err := e.Open(key)
			if err != nil {
				return fmt.Errorf("%s: %w", terms[0].Connection.Name, err)
			}
			return a.print(values, func() output.Table {
				t := output.Table{Header: []string{"VARIABLE", "VALUE"}}
				for _, name := range slices.Sorted(maps.Keys(values)) {
					t.Rows = append(t.Rows, []string{output.Clean(name), output.Clean(values[name])})
				}
				return t
			})
		}),
	}
	recoveryFlag(cmd, &keyFile)
	return cmd
}

func recoveryFlag(cmd *cobra.Command, keyFile *string) {
	cmd.Flags().StringVar(keyFile, "recovery-key", "", "`file` of the recovery key")
	if err := cmd.MarkFlagRequired("recovery-key"); err != nil {
		panic(err) // the flag was added above
	}
}

func (a *app) sealedRecover() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use: "recover [CONNECTION...]", Args: cobra.ArbitraryArgs, Short: "Let agents open sealed credentials that they cannot, with the recovery key",
		Long: "Give the agents that lack it the key of sealed credentials, with the recovery key: after all agents of a site were lost, instead of\n" +
			"entering everything again. Without a connection all that can be recovered are. The values are not looked at.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			list, err := client.All[rest.SealedCredential](cmd.Context(), c, "/sealed-credentials", nil, 0)
			if err != nil {
				return err
			}
			todo, err := toRecover(list.Items, args)
			if err != nil {
				return err
			}
			results := rest.SealedResults{Items: []rest.SealedResult{}}
			table := output.Table{Header: []string{"CONNECTION", "RESULT"}}
			for _, t := range todo {
				r := rest.SealedResult{Connection: t.ID, OK: true}
				text := "recovered"
				if err := recoverOne(cmd, c, keyFile, t); err != nil {
					r.OK, r.Error, text = false, err.Error(), err.Error()
				}
				results.Items = append(results.Items, r)
				table.Rows = append(table.Rows, []string{output.Clean(t.Connection.Name), output.Clean(text)})
			}
			if len(todo) == 0 {
				table.Note = "Nothing has to be recovered."
			}
			if err := a.print(results, func() output.Table { return table }); err != nil {
				return err
			}
			if slices.ContainsFunc(results.Items, func(r rest.SealedResult) bool { return !r.OK }) {
				return errors.New("not every credential was recovered")
			}
			return nil
		}),
	}
	recoveryFlag(cmd, &keyFile)
	return cmd
}

// toRecover are the named ones, or all whose agents lack the key.
func toRecover(list []rest.SealedCredential, names []string) ([]rest.SealedCredential, error) {
	var out []rest.SealedCredential
	for _, name := range names {
		t, err := pickSealed(list, name)
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	for _, t := range list {
		if len(names) == 0 && t.Recoverable && len(lack(t)) > 0 {
			out = append(out, t)
		}
	}
	return out, nil
}

func lack(t rest.SealedCredential) []rest.SealRecipient {
	return slices.DeleteFunc(slices.Clone(t.Recipients), func(r rest.SealRecipient) bool {
		return slices.ContainsFunc(t.OpenedBy, func(o rest.SealRecipient) bool { return o.Fingerprint == r.Fingerprint })
	})
}

func recoverOne(cmd *cobra.Command, c *client.Client, keyFile string, t rest.SealedCredential) error {
	key, e, err := offline(cmd, c, keyFile, t.ID)
	if err != nil {
		return err
	}
	var to []sealed.PublicKey
	for _, r := range lack(t) {
		pk, err := sealed.ParsePublicKey(r.Key)
		if err != nil {
			return err
		}
		to = append(to, pk)
	}
	if len(to) == 0 {
		return errors.New("every agent of its site can open it already")
	}
	wraps, err := e.Rewrap(key, to)
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(e.Header))
	body := rest.SealedWraps{HeaderDigest: sum[:]}
	for _, w := range wraps {
		body.Wraps = append(body.Wraps, rest.SealedWrap(w))
	}
	return c.Do(cmd.Context(), client.Request{Method: http.MethodPost, Path: sealedPath(t.ID) + "/wraps", Body: body}, nil)
}

// recoveryKey is about the key that is kept offline.
func (a *app) recoveryKey() *cobra.Command {
	cmd := &cobra.Command{
		Use: "recovery-key", Short: "Show, make or take away the offline recovery key", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			k, err := client.Get[rest.RecoveryKey](cmd.Context(), c, "/recovery-key", nil)
			if err != nil {
				return err
			}
			return a.print(k, func() output.Table {
				if k.Fingerprint == "" {
					return output.Table{Note: "There is no recovery key."}
				}
				return output.Table{Header: []string{"FINGERPRINT", "SET", "BY"}, Rows: [][]string{{k.Fingerprint, output.Ago(k.SetAt, a.env.Now()), output.Clean(k.SetBy)}}}
			})
		}),
	}
	cmd.AddCommand(a.recoveryKeyMake(), &cobra.Command{
		Use: "delete", Short: "Seal to no recovery key any more", Args: cobra.NoArgs,
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, _ []string) error {
			return c.Do(cmd.Context(), client.Request{Method: http.MethodDelete, Path: "/recovery-key"}, nil)
		}),
	})
	return cmd
}

func (a *app) recoveryKeyMake() *cobra.Command {
	return &cobra.Command{
		Use: "make FILE", Short: "Make a recovery key and seal to it from now on", Args: cobra.ExactArgs(1),
		Long: "Make a recovery key. The file gets the private half, which the collector never sees: move it to where it is safe and offline. Whoever\n" +
			"has it can open every sealed credential. Agents share with it what is sealed already.",
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			key, err := sealed.NewKey()
			if err != nil {
				return err
			}
			text, err := key.PEM()
			if err != nil {
				return err
			}
			if err := writeNew(args[0], text); err != nil {
				return err
			}
			var k rest.RecoveryKey
			req := client.Request{Method: http.MethodPut, Path: "/recovery-key", Body: rest.RecoveryKeyWrite{Key: key.Public().Bytes()}}
			if err := c.Do(cmd.Context(), req, &k); err != nil {
				return errors.Join(err, os.Remove(args[0]))
			}
			return a.print(k, func() output.Table {
				return output.Table{Note: fmt.Sprintf("%s holds the recovery key %s. Keep it offline; without it and without agents everything has to be entered again.", args[0], key.Public().Fingerprint())}
			})
		}),
	}
}

// writeNew writes a file that nobody else can read, and never over another one.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usageError{fmt.Errorf("%s exists; a key is not written over another file", path)}
	}
	if err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write key: %w", err)
	}
	return nil
}
