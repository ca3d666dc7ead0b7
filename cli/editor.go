package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"maestro.internal/cli/internal/client"
	"maestro.internal/cli/internal/curate"
	"maestro.internal/cli/internal/output"
	"maestro.internal/internal/rest"
)

// editNamed is editOne for a name or an id.
func (a *app) editNamed(ctx context.Context, c *client.Client, kind, nameOrID, reason string) error {
	id, err := findResource(ctx, c, kind, nameOrID)
	if err != nil {
		return err
	}
	r, err := client.Get[rest.Resource](ctx, c, resourcePath(kind, id), nil)
	if err != nil {
		return err
	}
	return a.editOne(ctx, c, r, reason)
}

// editOne has a person edit one resource as a document in an editor. What was typed is never lost: until it is written, it is
// in a file, and whoever leaves without writing it is told where.
func (a *app) editOne(ctx context.Context, c *client.Client, r rest.Resource, reason string) error {
	before, err := curate.Document(r)
	if err != nil {
		return err
	}
	path, err := newDocument()
	if err != nil {
		return err
	}
	text, first := slices.Concat(curate.Head(r), before), true
	var refused []byte // what was typed when it was refused last
	for {
		edited, err := a.openEditor(ctx, path, text)
		if err != nil {
			return kept(path, err)
		}
		patch, err := curate.Compare(before, edited)
		switch {
		case !first && (bytes.Equal(text, edited) || bytes.Equal(refused, withoutComments(edited))):
			return kept(path, errors.New("nothing was written"))
		case err == nil && patch.Empty():
			if err := os.Remove(path); err != nil {
				return fmt.Errorf("remove document: %w", err)
			}
			return a.print(r, func() output.Table { return output.Table{Note: "Nothing was changed."} })
		case err == nil:
			var done rest.Resource
			if done, r, err = a.writePatch(ctx, c, r, patch, reason); err == nil {
				if err := os.Remove(path); err != nil {
					return fmt.Errorf("remove document: %w", err)
				}
				return a.print(done, func() output.Table { return patchTable(r, done, patch) })
			}
		}
		again, conflict := mendable(err)
		if !again {
			return kept(path, err)
		}
		a.warn("%v", err)
		if refused = withoutComments(edited); conflict != nil {
			refused = nil // now it may be what is wanted
		}
		notes := []string{"", "NOT WRITTEN: " + err.Error()}
		if conflict != nil {
			notes = append(notes, conflict.lines()...)
			if before, err = curate.Document(r); err != nil {
				return kept(path, err)
			}
			if edited, err = curate.Rebase(before, conflict.mine); err != nil {
				return kept(path, err)
			}
			for _, l := range conflict.lines() {
				a.warn("%s", l)
			}
		}
		text, first = slices.Concat(curate.Head(r, notes...), withoutComments(edited)), false
	}
}

// kept says where what was typed is.
func kept(path string, err error) error { return fmt.Errorf("%w; what you typed is in %s", err, path) }

func newDocument() (string, error) {
	f, err := os.CreateTemp("", "maestro-edit-*.yaml")
	if err != nil {
		return "", fmt.Errorf("write document: %w", err)
	}
	if err := f.Close(); err != nil {
		return "", fmt.Errorf("write document: %w", err)
	}
	return f.Name(), nil
}

// openEditor has the text edited with $VISUAL, $EDITOR or vi.
func (a *app) openEditor(ctx context.Context, path string, text []byte) ([]byte, error) {
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return nil, fmt.Errorf("write document: %w", err)
	}
	editor := cmp.Or(a.env.Getenv("VISUAL"), a.env.Getenv("EDITOR"), "vi")
	words := strings.Fields(editor) // "code --wait" is one, and no shell reads it
	cmd := exec.CommandContext(ctx, words[0], append(words[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.env.In, a.env.Out, a.env.Err
	if f, ok := a.env.Err.(*os.File); ok && a.format != "table" {
		cmd.Stdout = f // the answer goes to the output, and nothing else
	}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("run editor %s: %w", editor, err)
	}
	edited, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return edited, nil
}

// editConflict is that somebody else changed the same fields meanwhile.
type editConflict struct {
	now   rest.Resource
	mine  curate.Patch
	their map[string]string
}

func (e *editConflict) Error() string {
	return fmt.Sprintf("somebody changed the same fields while you edited (now version %d)", e.now.Version)
}

func (e *editConflict) lines() []string {
	var out []string
	for _, p := range e.mine.Pointers() {
		if theirs, ok := e.their[p]; ok {
			out = append(out, fmt.Sprintf("%s: yours %s, theirs %s", fieldName(p), e.mine.Value(p), theirs))
		}
	}
	return append(out, "Save what it should be in the end.")
}

// mendable says whether editing on may help.
func mendable(err error) (bool, *editConflict) {
	var conflict *editConflict
	if errors.As(err, &conflict) {
		return true, conflict
	}
	var answered *client.Error
	if errors.As(err, &answered) {
		return answered.Status == http.StatusBadRequest || answered.Status == http.StatusUnprocessableEntity || answered.Status == http.StatusConflict, nil
	}
	var input usageError
	return errors.As(err, &input) || strings.HasPrefix(err.Error(), "read document"), nil
}

// writePatch writes what was changed. Where somebody else has changed other fields meanwhile, both changes stand. It answers what
// was there before too.
func (a *app) writePatch(ctx context.Context, c *client.Client, was rest.Resource, patch curate.Patch, reason string) (done, base rest.Resource, err error) {
	body := rest.ResourcePatch{Set: map[string]any{}, Reset: patch.Reset, Reason: reason}
	for p, v := range patch.Set {
		body.Set[p] = v
	}
	if name, ok := body.Set["/datacenter"].(string); ok {
		if body.Set["/datacenter"], err = datacenterNamed(ctx, c, name); err != nil {
			return done, was, err
		}
	}
	path := resourcePath(was.Kind, was.ID)
	for {
		req := client.Request{Method: http.MethodPatch, Path: path, IfMatch: strconv.Quote(strconv.FormatInt(was.Version, 10)), Body: body}
		if err = c.Do(ctx, req, &done); !client.IsStatus(err, http.StatusPreconditionFailed) {
			return done, was, err
		}
		now, err := client.Get[rest.Resource](ctx, c, path, nil)
		if err != nil {
			return done, was, err
		}
		theirs, err := changedBetween(was, now)
		if err != nil {
			return done, was, err
		}
		conflict := &editConflict{now: now, mine: patch, their: map[string]string{}}
		for _, p := range patch.Pointers() {
			for _, q := range theirs.Pointers() {
				if p == q || strings.HasPrefix(p, q+"/") || strings.HasPrefix(q, p+"/") {
					conflict.their[p] = theirs.Value(q)
				}
			}
		}
		was = now
		if len(conflict.their) > 0 {
			return done, now, conflict
		}
	}
}

func changedBetween(was, now rest.Resource) (curate.Patch, error) {
	x, err := curate.Document(was)
	if err != nil {
		return curate.Patch{}, err
	}
	y, err := curate.Document(now)
	if err != nil {
		return curate.Patch{}, err
	}
	return curate.Compare(x, y)
}

func withoutComments(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte("#")) {
			out.Write(line)
		}
	}
	return out.Bytes()
}

// patchTable is what became of the fields that were edited.
func patchTable(was, is rest.Resource, patch curate.Patch) output.Table {
	t := output.Table{Header: []string{"field", "was", "is"}, Note: fmt.Sprintf("%s %s is version %d.", is.Kind, is.Name, is.Version)}
	before, after := map[string]string{}, map[string]string{}
	for _, side := range []struct {
		r    rest.Resource
		into map[string]string
	}{{was, before}, {is, after}} {
		visit := func(pointer, _ string, v any) { side.into[pointer] = output.Value(v) }
		leaves("/attributes", "", side.r.Attributes, visit)
		for _, tag := range side.r.Tags {
			side.into["/tags/"+escapePointer(tag.Key)] = tag.Value
		}
		side.into["/name"], side.into["/region"], side.into["/zone"] = side.r.Name, side.r.Region, side.r.Zone
		if side.r.Datacenter != nil {
			side.into["/datacenter"] = side.r.Datacenter.Name
		}
	}
	for _, p := range patch.Pointers() {
		t.Rows = append(t.Rows, []string{fieldName(p), cmp.Or(before[p], "-"), cmp.Or(after[p], patch.Value(p))})
	}
	return t
}

// fieldName is what filters, columns and maestro explain call the field that a pointer leads to.
func fieldName(pointer string) string {
	for _, base := range []string{"/attributes/", "/common/", "/"} {
		if name, ok := strings.CutPrefix(pointer, base); ok {
			return strings.NewReplacer("/", ".", "~1", "/", "~0", "~").Replace(name)
		}
	}
	return pointer
}

func escapePointer(s string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(s) }
