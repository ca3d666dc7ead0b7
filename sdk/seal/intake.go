package seal

import (
	"fmt"
	"slices"
	"strings"

	"maestro.internal/sdk/resource"
)

// What an outcome may carry: it is stored with every run and read by people.
const (
	maxWarnings = 50
	maxText     = 2048
)

// mark is enough of a hash to tell that content differs. Two contents that are made to collide harm only the
// scope of the plugin that made them.
type mark [16]byte

// Intake keeps the books of one scope while it is read: what was listed, what repeated, what could not be
// taken. It holds a key and a mark per resource, never the resource. It is not safe for concurrent use.
type Intake struct {
	scope      resource.Scope
	sealer     *Sealer
	seen       map[string]mark
	incomplete int
	duplicates int
	replaced   int
	refused    int
	refusal    error
	broken     error
}

// Take judges one resource and fills in what the author may leave to the scope: kind, major and partition.
// It says whether to pass the resource on. Its error means that the scope is over.
//
// A resource that cannot be taken (too large, malformed, of another scope) is left out and counted: the others
// land, but the scope can no longer prove that anything is absent.
func (in *Intake) Take(env *resource.Envelope) (keep bool, err error) {
	if in.broken != nil {
		return false, in.broken
	}
	if env.Kind == "" {
		env.Kind = in.scope.Kind
	}
	if env.Major == 0 {
		env.Major = in.sealer.support.Major
	}
	if len(env.Partition) == 0 {
		env.Partition = in.scope.Partition
	}
	if err := in.belongs(env); err != nil {
		in.refuse(env, err)
		return false, nil
	}
	sealed, err := in.sealer.Seal(*env)
	if err != nil {
		in.refuse(env, err)
		return false, nil
	}
	now := mark(sealed.Hash[:16])
	before, repeated := in.seen[env.ExternalID]
	switch {
	case !repeated:
		in.seen[strings.Clone(env.ExternalID)] = now
		if len(env.Unread) > 0 {
			in.incomplete++
		}
		return true, nil
	case before == now:
		in.duplicates++
		return false, nil
	case in.sealer.support.Unstable:
		in.seen[env.ExternalID] = now
		in.replaced++
		return true, nil
	}
	in.broken = fmt.Errorf("external id %q was emitted twice with different content", env.ExternalID)
	return false, in.broken
}

func (in *Intake) belongs(env *resource.Envelope) error {
	switch {
	case env.Kind != in.scope.Kind:
		return fmt.Errorf("kind %q in a scope of kind %q", env.Kind, in.scope.Kind)
	case env.Major != in.sealer.support.Major:
		return fmt.Errorf("major version %d of kind %s, declared was %d", env.Major, env.Kind, in.sealer.support.Major)
	case !env.Partition.Equal(in.scope.Partition):
		return fmt.Errorf("partition %s in scope %s", env.Partition, in.scope)
	case len(env.Withheld) > 0:
		return fmt.Errorf("withheld is the agent's to say")
	}
	return nil
}

func (in *Intake) refuse(env *resource.Envelope, err error) {
	in.refused++
	if in.refusal == nil {
		in.refusal = fmt.Errorf("%q: %w", clip(env.ExternalID), err)
	}
}

// Listed is how many different keys were taken.
func (in *Intake) Listed() int { return len(in.seen) }

// Settle closes the books: it corrects what a plugin says of its scope by what was delivered.
func (in *Intake) Settle(out resource.Outcome) resource.Outcome {
	out.Listed, out.Incomplete = len(in.seen), in.incomplete
	out.Duplicates = max(out.Duplicates, in.duplicates)
	// Both ends keep books and find the same, so that it is said once.
	warn := func(format string, args ...any) {
		if text := fmt.Sprintf(format, args...); !slices.Contains(out.Warnings, text) {
			out.Warnings = append(out.Warnings, text)
		}
	}
	if in.replaced > 0 {
		warn("%d ids repeated with other content; the later one was kept", in.replaced)
	}
	switch {
	case in.broken != nil:
		out.Status = resource.StatusFailed
		out.Error = in.broken.Error()
	case in.refused > 0 && out.Status == resource.StatusComplete:
		out.Status = resource.StatusPartial
		out.Error = fmt.Sprintf("%d resources could not be taken; first %v", in.refused, in.refusal)
	case in.refused > 0:
		warn("%d resources could not be taken; first %v", in.refused, in.refusal)
	}
	return Tidy(out)
}

// Tidy bounds an outcome's texts, makes them UTF-8 and its numbers sensible.
func Tidy(out resource.Outcome) resource.Outcome {
	out.Error, out.Advice = clip(out.Error), clip(out.Advice)
	if more := len(out.Warnings) - maxWarnings; more > 0 {
		out.Warnings = append(out.Warnings[:maxWarnings:maxWarnings], fmt.Sprintf("and %d more warnings", more))
	}
	for i := range out.Warnings {
		out.Warnings[i] = clip(out.Warnings[i])
	}
	for _, n := range []*int{&out.Listed, &out.Incomplete, &out.Duplicates, &out.Pages, &out.Retries} {
		*n = max(*n, 0)
	}
	out.DurationMS = max(out.DurationMS, 0)
	return out
}

func clip(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
