package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
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

// sealing is what `maestro seal` was told.
type sealing struct {
	set, files []string
	only       []string
	// tried says that each is used only once its agent has found that it works.
	tried bool
}

func sealedPath(id string) string { return "/sealed-credentials/" + url.PathEscape(id) }

// seal encrypts a credential here, for the agents of a site; the collector gets what comes out.
func (a *app) seal() *cobra.Command {
	var s sealing
	cmd := &cobra.Command{
		Use: "seal CONNECTION...", Short: "Enter the credential of connections, encrypted here for their agents",
		Long: "Enter the credential of a connection. It is encrypted on this machine to the agents of the connection's site, and to the recovery key\n" +
			"if there is one; the collector keeps what it cannot read. It is bound to the connection and to where its settings say that it is sent.\n" +
			"Several connections of one plugin get the same values, each encrypted for itself. What was there is replaced at once, unchecked:\n" +
			"`maestro sealed rotate` has the new values tried first.\n" +
			"Values are asked for without echo, or come from files (--file NAME=PATH; - is standard input). --set is for what is no secret.\n" +
			"With --only nothing is sealed to a key that is not named: compare with `maestro-agent status` on the agent's machine.",
		Example: "  maestro seal vcenter-fra\n  maestro seal vcenter-fra vcenter-ber --set VSPHERE_USERNAME=maestro@vsphere.local --file VSPHERE_PASSWORD=pw.txt",
		Args:    cobra.MinimumNArgs(1),
		RunE: a.online(func(cmd *cobra.Command, c *client.Client, args []string) error {
			terms, err := sealTerms(cmd.Context(), c, args)
			if err != nil {
				return err
			}
			done, err := a.enter(cmd.Context(), c, s, terms)
			if err != nil {
				return err
			}
			return a.printSealed(terms, done)
		}),
	}
	s.flags(cmd)
	return cmd
}

func (s *sealing) flags(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&s.set, "set", nil, "`NAME=VALUE` of a variable that is no secret")
	cmd.Flags().StringArrayVar(&s.files, "file", nil, "`NAME=PATH` of a file with the value of a variable; - is standard input")
	cmd.Flags().StringSliceVar(&s.only, "only", nil, "`fingerprints` of the keys that it may be sealed to; any other is refused")
}

// sealTerms are the connections by name or id, all of one plugin.
func sealTerms(ctx context.Context, c *client.Client, names []string) ([]rest.SealedCredential, error) {
	list, err := client.All[rest.SealedCredential](ctx, c, "/sealed-credentials", nil, 0)
	if err != nil {
		return nil, err
	}
	var out []rest.SealedCredential
	for _, name := range names {
		t, err := pickSealed(list.Items, name)
		if err != nil {
			return nil, err
		}
		if len(out) > 0 && t.Provider != out[0].Provider {
			return nil, usageError{fmt.Errorf("%s is read by the plugin %s and %s by %s: they take different credentials", t.Connection.Name, t.Provider, out[0].Connection.Name, out[0].Provider)}
		}
		out = append(out, t)
	}
	return out, nil
}

func pickSealed(list []rest.SealedCredential, nameOrID string) (rest.SealedCredential, error) {
	var found []rest.SealedCredential
	for _, x := range list {
		if x.ID == nameOrID {
			return x, nil
		}
		if x.Connection.Name == nameOrID {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return rest.SealedCredential{}, &client.Error{Status: http.StatusNotFound, Detail: fmt.Sprintf("no connection %q; `maestro connections` lists them", nameOrID)}
	}
	return rest.SealedCredential{}, usageError{fmt.Errorf("%d connections are named %q; use an id", len(found), nameOrID)}
}

// check refuses what could not be opened by whom it is for.
func (s sealing) check(t rest.SealedCredential) error {
	if len(t.Recipients) == 0 {
		return fmt.Errorf("%s: no agent could open it: give the connection an agent that is not older than sealed credentials", t.Connection.Name)
	}
	if len(t.Wanted) == 0 {
		return fmt.Errorf("%s: its plugin %s takes nothing from a sealed credential", t.Connection.Name, t.Provider)
	}
	for _, r := range t.Recipients {
		pk, err := sealed.ParsePublicKey(r.Key)
		if err != nil || pk.Fingerprint() != r.Fingerprint {
			return fmt.Errorf("%s: the collector's key of %s is not the one it claims", t.Connection.Name, r.Name)
		}
		if len(s.only) > 0 && !slices.Contains(s.only, r.Fingerprint) {
			return fmt.Errorf("%s: the key %s of %s is not among --only; nothing was sealed", t.Connection.Name, r.Fingerprint, r.Name)
		}
	}
	return nil
}

// values takes the variables from the flags, or asks for them.
func (a *app) values(s sealing, t rest.SealedCredential) (map[string]string, error) {
	out := map[string]string{}
	variable := func(name string) (rest.SealVariable, error) {
		i := slices.IndexFunc(t.Wanted, func(v rest.SealVariable) bool { return v.Name == name })
		if i < 0 {
			return rest.SealVariable{}, usageError{fmt.Errorf("the plugin %s does not take %s from a sealed credential", t.Provider, name)}
		}
		return t.Wanted[i], nil
	}
	for _, text := range s.set {
		name, value, _ := strings.Cut(text, "=")
		v, err := variable(name)
		if err != nil {
			return nil, err
		}
		if v.Secret {
			return nil, usageError{fmt.Errorf("%s is a secret, and others on this machine see the command line: use --file", name)}
		}
		out[name] = value
	}
	for _, text := range s.files {
		name, path, _ := strings.Cut(text, "=")
		if _, err := variable(name); err != nil {
			return nil, err
		}
		value, err := a.valueOf(path)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out[name] = value
	}
	if len(s.files) == 0 {
		if a.env.ReadPassword == nil {
			return nil, usageError{errors.New("there is no terminal to ask for the values: use --file NAME=PATH")}
		}
		for _, v := range t.Wanted {
			if _, given := out[v.Name]; given {
				continue
			}
			value, err := a.env.ReadPassword(fmt.Sprintf("%s (%s; empty to leave it out): ", output.Clean(titleOf(v)), output.Clean(v.Help)))
			if err != nil {
				return nil, err
			}
			if value != "" {
				out[v.Name] = value
			}
		}
	}
	if len(out) == 0 {
		return nil, usageError{errors.New("no value was given; nothing was sealed")}
	}
	return out, nil
}

// titleOf is what the plugin calls a value, and the name that --set and --file want.
func titleOf(v rest.SealVariable) string {
	if v.Title == "" {
		return v.Name
	}
	return v.Title + ", " + v.Name
}

func (a *app) valueOf(path string) (string, error) {
	if path == "-" {
		return a.readLine()
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if value == "" {
		return "", errors.New("the file is empty")
	}
	return value, nil
}

// enter says for whom the values will be, takes them and hands them over.
func (a *app) enter(ctx context.Context, c *client.Client, s sealing, terms []rest.SealedCredential) (rest.SealedResults, error) {
	var done rest.SealedResults
	for _, t := range terms {
		if err := s.check(t); err != nil {
			return done, err
		}
		fmt.Fprintf(a.env.Err, "%s: to be sent to %s; readable by %s\n", output.Clean(t.Connection.Name), output.Clean(placesOf(t.Targets)), output.Clean(recipientsOf(t.Recipients)))
	}
	values, err := a.values(s, terms[0])
	if err != nil {
		return done, err
	}
	return a.sealAll(ctx, c, s.tried, terms, values)
}

// sealAll encrypts for each connection by itself and hands all of it over at once, to be used now or once it was tried.
func (a *app) sealAll(ctx context.Context, c *client.Client, tried bool, terms []rest.SealedCredential, values map[string]string) (rest.SealedResults, error) {
	var done rest.SealedResults
	for part := range slices.Chunk(terms, 200) {
		body := rest.SealedMany{Check: tried}
		for _, t := range part {
			e, err := envelopeFor(t, values, a.env.Now())
			if err != nil {
				return done, err
			}
			body.Items = append(body.Items, rest.SealedItem{Connection: t.ID, Envelope: e})
		}
		var results rest.SealedResults
		if err := c.Do(ctx, client.Request{Method: http.MethodPost, Path: "/sealed-credentials", Body: body}, &results); err != nil {
			return done, err
		}
		done.Items = append(done.Items, results.Items...)
	}
	return done, nil
}

func (a *app) printSealed(terms []rest.SealedCredential, done rest.SealedResults) error {
	refused := 0
	table := output.Table{Header: []string{"CONNECTION", "RESULT"}}
	for i, r := range done.Items {
		text := "sealed"
		if !r.OK {
			refused++
			text = "refused: " + output.Clean(r.Error)
		}
		table.Rows = append(table.Rows, []string{output.Clean(terms[i].Connection.Name), text})
	}
	if err := a.print(done, func() output.Table { return table }); err != nil {
		return err
	}
	if refused > 0 {
		return fmt.Errorf("%d of %d connections keep what they had", refused, len(done.Items))
	}
	return nil
}

func envelopeFor(t rest.SealedCredential, values map[string]string, now time.Time) (rest.SealedEnvelope, error) {
	h := sealed.Header{Tenant: t.Tenant, Connection: t.ID, Provider: t.Provider, SealedAt: now}
	if err := json.Unmarshal(t.Targets, &h.Targets); err != nil {
		return rest.SealedEnvelope{}, fmt.Errorf("read targets of %s: %w", t.Connection.Name, err)
	}
	var to []sealed.PublicKey
	for _, r := range t.Recipients {
		pk, err := sealed.ParsePublicKey(r.Key)
		if err != nil {
			return rest.SealedEnvelope{}, err
		}
		to = append(to, pk)
	}
	e, err := sealed.Seal(h, values, to)
	if err != nil {
		return rest.SealedEnvelope{}, err
	}
	out := rest.SealedEnvelope{Header: e.Header, Ciphertext: e.Ciphertext}
	for _, w := range e.Wraps {
		out.Wraps = append(out.Wraps, rest.SealedWrap(w))
	}
	return out, nil
}

func placesOf(targets json.RawMessage) string {
	var places map[string]json.RawMessage
	if json.Unmarshal(targets, &places) != nil || len(places) == 0 {
		return "wherever the plugin signs in"
	}
	var out []string
	for _, p := range slices.Sorted(maps.Keys(places)) {
		out = append(out, strings.TrimPrefix(p, "/")+" "+string(places[p]))
	}
	return strings.Join(out, ", ")
}

func recipientsOf(list []rest.SealRecipient) string {
	var out []string
	for _, r := range list {
		out = append(out, fmt.Sprintf("%s (%s)", r.Name, r.Fingerprint))
	}
	return strings.Join(out, ", ")
}
