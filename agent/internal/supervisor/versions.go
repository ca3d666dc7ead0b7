package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ErrVersion says that a plugin is installed, and not in the version asked for.
var ErrVersion = errors.New("plugin not installed in this version")

// Version answers the plugin of a provider in one version, as the plugins themselves say which they are; any version is what Find answers.
// Another version is never taken instead: what is installed here and what may run here (the manifest) is this machine's decision, and which
// of it runs is that of whoever asks.
func (s *Supervisor) Version(ctx context.Context, name, version string) (File, error) {
	if version == "" {
		return s.Find(name)
	}
	files, err := s.Files()
	if err != nil {
		return File{}, err
	}
	files = slices.DeleteFunc(files, func(f File) bool { return f.Name != name })
	if len(files) == 0 {
		return s.Find(name) // which says what is wrong
	}
	// The file whose name says so is asked first: the others need not be started.
	slices.SortStableFunc(files, func(a, b File) int { return cmp.Compare(btoi(b.Label == version), btoi(a.Label == version)) })
	var have []string
	for _, f := range files {
		d, err := s.Describe(ctx, f)
		if err != nil {
			if ctx.Err() != nil {
				return File{}, err
			}
			have = append(have, fmt.Sprintf("one that cannot be described (%s: %v)", f.Path, err))
			continue
		}
		if d.Description.Version == version {
			return f, nil
		}
		have = append(have, d.Description.Version)
	}
	return File{}, fmt.Errorf("%w: %s %s; here is %s. Put %s%s%s%s into %s, and into the manifest if there is one", ErrVersion, name, version, strings.Join(have, ", "),
		Prefix, name, labelMark, version, s.cfg.Dir)
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// compareLabels orders labels as versions: by their numbers, a release after what comes before it (1.2.0-rc1). No label is above all.
func compareLabels(a, b string) int {
	if a == "" || b == "" {
		return cmp.Compare(btoi(a == ""), btoi(b == ""))
	}
	aNumbers, aRest := numbersOf(a)
	bNumbers, bRest := numbersOf(b)
	if c := slices.Compare(aNumbers, bNumbers); c != 0 {
		return c
	}
	if c := cmp.Compare(btoi(aRest == ""), btoi(bRest == "")); c != 0 {
		return c
	}
	return strings.Compare(aRest, bRest)
}

// numbersOf are the numbers that a version begins with, and what follows them.
func numbersOf(label string) (numbers []int, rest string) {
	core, rest, _ := strings.Cut(strings.TrimPrefix(label, "v"), "-")
	for part := range strings.SplitSeq(core, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return numbers, label
		}
		numbers = append(numbers, n)
	}
	for len(numbers) > 0 && numbers[len(numbers)-1] == 0 { // 1.2 is 1.2.0
		numbers = numbers[:len(numbers)-1]
	}
	return numbers, rest
}
