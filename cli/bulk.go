package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// importPart is how many rows are done by one request, so that a person sees that it goes on.
const importPart = 50

// isTable tells a table from the JSON document of one connection.
func isTable(text []byte) bool {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	return len(text) > 0 && text[0] != '{'
}

func (a *app) readFile(name string) ([]byte, error) {
	var b []byte
	var err error
	if name == "-" {
		b, err = io.ReadAll(a.env.In)
	} else {
		b, err = os.ReadFile(name)
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("read %s: %w", name, err)}
	}
	return b, nil
}

// createMany makes the connections of a table, and seals their credential if values were given.
func (a *app) createMany(ctx context.Context, c *client.Client, text string, dry bool, s sealing) error {
	if err := withoutSecrets(ctx, c, text); err != nil {
		return err
	}
	var done rest.ConnectionsImported
	bar := a.progress()
	for {
		var part rest.ConnectionsImported
		req := client.Request{Method: http.MethodPost, Path: "/connections/import", Body: rest.ConnectionsImport{Text: text, DryRun: dry, Skip: len(done.Rows), Count: importPart}}
		if err := c.Do(ctx, req, &part); err != nil {
			bar.Done("")
			return err
		}
		done.Total, done.Rows = part.Total, append(done.Rows, part.Rows...)
		bar.Set(fmt.Sprintf("%d of %d rows", len(done.Rows), done.Total), len(done.Rows), done.Total)
		if len(part.Rows) == 0 || len(done.Rows) >= done.Total {
			break
		}
	}
	bar.Done("")
	if err := a.print(done, func() output.Table { return importTable(done, dry) }); err != nil {
		return err
	}
	if err := a.sealImported(ctx, c, done, dry, s); err != nil {
		return err
	}
	if n := refusedRows(done); n > 0 {
		return fmt.Errorf("%d of %d rows were refused; mend them and give the same table again", n, done.Total)
	}
	return nil
}

// withoutSecrets keeps a table with a secret on this machine.
func withoutSecrets(ctx context.Context, c *client.Client, text string) error {
	plugins, err := client.All[rest.Plugin](ctx, c, "/plugins", nil, 0)
	if err != nil {
		return err
	}
	for _, p := range plugins.Items {
		for _, v := range p.CredentialEnv {
			if v.Secret && strings.Contains(strings.ToLower(text), strings.ToLower(v.Name)) {
				return usageError{fmt.Errorf("the table names %s: secrets do not belong into it, and nothing was sent; name a credential of the agent's file, or use --set and --seal to give one that is encrypted here", v.Name)}
			}
		}
	}
	return nil
}

func refusedRows(done rest.ConnectionsImported) (n int) {
	for _, x := range done.Rows {
		if x.Result == "refused" {
			n++
		}
	}
	return n
}

func importTable(done rest.ConnectionsImported, dry bool) output.Table {
	t := output.Table{Header: []string{"row", "name", "result", "what"}}
	words := map[string]string{"created": "made", "changed": "changed", "same": "as it was", "refused": "refused"}
	if dry {
		words["created"], words["changed"], words["same"] = "would be made", "would be changed", "is as it should be"
	}
	for _, x := range done.Rows {
		what := strings.Join(x.Changes, ", ")
		if x.Error != "" {
			what = strings.TrimSpace(x.Column + " " + x.Error)
		}
		t.Rows = append(t.Rows, []string{fmt.Sprint(x.Row), x.Name, words[x.Result], what})
	}
	return t
}

// sealImported gives the same values to all connections of the table that are there now, each encrypted here for itself.
func (a *app) sealImported(ctx context.Context, c *client.Client, done rest.ConnectionsImported, dry bool, s sealing) error {
	if dry || len(s.set)+len(s.files) == 0 {
		return nil
	}
	var ids []string
	for _, x := range done.Rows {
		if x.Connection != nil && x.Result != "refused" {
			ids = append(ids, x.Connection.ID)
		}
	}
	if len(ids) == 0 {
		return errors.New("no connection is there to seal for")
	}
	terms, err := sealTerms(ctx, c, slices.Compact(ids))
	if err != nil {
		return err
	}
	for _, t := range terms {
		if err := s.check(t); err != nil {
			return err
		}
	}
	values, err := a.values(s, terms[0])
	if err != nil {
		return err
	}
	sealed, err := a.sealAll(ctx, c, false, terms, values)
	if err != nil {
		return err
	}
	return a.printSealed(terms, sealed)
}
