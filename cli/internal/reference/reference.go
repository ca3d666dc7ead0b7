// Package reference writes the reference of the command line from the commands themselves: pages of Markdown for docs/cli and
// manual pages. What a command says of itself is the only source, so that the three never differ.
package reference

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// walk visits every command that people use, in the order of their names.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	if c.Name() == "help" || (c.Hidden && c.HasParent()) {
		return
	}
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

// fileName is a command's page without its ending.
func fileName(c *cobra.Command, separator string) string {
	return strings.ReplaceAll(c.CommandPath(), " ", separator)
}

// flag is one as people type it.
func flagText(f *pflag.Flag) (name, usage string) {
	placeholder, usage := pflag.UnquoteUsage(f)
	name = "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if placeholder != "" {
		name += " " + placeholder
	}
	if f.DefValue != "" && !slices.Contains([]string{"false", "0", "0s", "[]"}, f.DefValue) {
		usage += fmt.Sprintf(" (default %s)", f.DefValue)
	}
	return name, usage
}

func flags(set *pflag.FlagSet) (out [][2]string) {
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			name, usage := flagText(f)
			out = append(out, [2]string{name, usage})
		}
	})
	return out
}

// Markdown is the pages by their file names, with README.md for all of them.
func Markdown(root *cobra.Command) map[string]string {
	pages := map[string]string{}
	var index strings.Builder
	index.WriteString("# The command line\n\n<!-- Made by `go test ./cli -run Docs -update`; do not edit. -->\n\n" + paragraphs(root.Long) + "\n\n| command | |\n| --- | --- |\n")
	walk(root, func(c *cobra.Command) {
		if c == root {
			return
		}
		name := fileName(c, "_") + ".md"
		pages[name] = page(c)
		fmt.Fprintf(&index, "| [`%s`](%s) | %s |\n", c.CommandPath(), name, strings.ReplaceAll(c.Short, "|", `\|`))
	})
	index.WriteString("\nEvery command takes these too:\n\n```\n")
	table(&index, flags(root.PersistentFlags()))
	index.WriteString("```\n")
	pages["README.md"] = index.String()
	return pages
}

func page(c *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n<!-- Made by `go test ./cli -run Docs -update`; do not edit. -->\n\n%s\n\n```\n%s\n```\n", c.CommandPath(), paragraphs(cmp.Or(c.Long, c.Short+".")), useLine(c))
	if own := flags(c.NonInheritedFlags()); len(own) > 0 {
		b.WriteString("\n## Flags\n\n```\n")
		table(&b, own)
		b.WriteString("```\n")
	}
	if c.Example != "" {
		fmt.Fprintf(&b, "\n## Examples\n\n```sh\n%s\n```\n", unindent(c.Example))
	}
	var subs []string
	for _, s := range c.Commands() {
		if !s.Hidden {
			subs = append(subs, fmt.Sprintf("* [`%s`](%s.md): %s", s.CommandPath(), fileName(s, "_"), s.Short))
		}
	}
	if len(subs) > 0 {
		b.WriteString("\n## Below it\n\n" + strings.Join(subs, "\n") + "\n")
	}
	b.WriteString("\n[All commands](README.md)\n")
	return b.String()
}

func useLine(c *cobra.Command) string {
	line := c.CommandPath()
	if _, args, ok := strings.Cut(c.Use, " "); ok {
		line += " " + args
	}
	if c.HasAvailableLocalFlags() {
		line += " [flags]"
	}
	return line
}

// paragraphs keeps lines that are indented as they are.
func paragraphs(text string) string {
	var b strings.Builder
	code := false
	for line := range strings.Lines(strings.TrimSpace(text) + "\n") {
		if indented := strings.HasPrefix(line, "  "); indented != code {
			b.WriteString(map[bool]string{true: "\n```\n", false: "```\n\n"}[indented])
			code = indented
			if !indented {
				line = strings.TrimPrefix(line, "\n")
			}
		}
		b.WriteString(line)
	}
	if code {
		b.WriteString("```\n")
	}
	return strings.TrimSpace(b.String())
}

func unindent(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimPrefix(l, "  ")
	}
	return strings.Join(lines, "\n")
}

func table(b *strings.Builder, rows [][2]string) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		fmt.Fprintf(b, "%-*s  %s\n", width, r[0], r[1])
	}
}

// Man is the manual pages by their file names. version stands at their foot.
func Man(root *cobra.Command, version string) map[string]string {
	pages := map[string]string{}
	walk(root, func(c *cobra.Command) { pages[fileName(c, "-")+".1"] = manual(c, version) })
	return pages
}

func manual(c *cobra.Command, version string) string {
	var b strings.Builder
	name := fileName(c, "-")
	fmt.Fprintf(&b, ".TH \"%s\" 1 \"\" \"Maestro %s\" \"Maestro\"\n.SH NAME\n%s \\- %s\n.SH SYNOPSIS\n%s\n", strings.ToUpper(escape(name)), escape(version), escape(name), escape(c.Short), lines(useLine(c)))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", body(cmp.Or(c.Long, c.Short+".")))
	for _, part := range []struct {
		title string
		flags [][2]string
	}{{"OPTIONS", flags(c.NonInheritedFlags())}, {"OPTIONS OF EVERY COMMAND", flags(c.InheritedFlags())}} {
		if len(part.flags) == 0 {
			continue
		}
		b.WriteString(".SH \"" + part.title + "\"\n")
		for _, f := range part.flags {
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", escape(f[0]), lines(f[1]))
		}
	}
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", lines(unindent(c.Example)))
	}
	also := map[string]bool{}
	if c.HasParent() {
		also[fileName(c.Parent(), "-")] = true
	}
	for _, s := range c.Commands() {
		if !s.Hidden {
			also[fileName(s, "-")] = true
		}
	}
	if len(also) > 0 {
		b.WriteString(".SH \"SEE ALSO\"\n")
		for i, n := range slices.Sorted(maps.Keys(also)) {
			fmt.Fprintf(&b, ".BR %s (1)%s\n", escape(n), map[bool]string{true: "", false: ","}[i == len(also)-1])
		}
	}
	return b.String()
}

// body keeps lines that are indented as they are, and fills the others.
func body(text string) string {
	var b strings.Builder
	code := false
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if indented := strings.HasPrefix(line, "  "); indented != code {
			b.WriteString(map[bool]string{true: ".PP\n.nf\n", false: ".fi\n"}[indented])
			code = indented
		}
		if line == "" {
			b.WriteString(".PP\n")
			continue
		}
		b.WriteString(lines(line) + "\n")
	}
	if code {
		b.WriteString(".fi\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// lines is text of several lines in which nothing is a request of troff's.
func lines(text string) string {
	out := strings.Split(text, "\n")
	for i, l := range out {
		out[i] = escape(l)
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			out[i] = `\&` + out[i]
		}
	}
	return strings.Join(out, "\n")
}

func escape(s string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", `\(ga`, "'", `\(aq`, "^", `\(ha`, "~", `\(ti`, `"`, `\(dq`).Replace(s)
}
