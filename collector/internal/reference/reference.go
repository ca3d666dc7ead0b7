// Package reference holds what the inventory knows without any source of its own: until when products are supported, and what
// machines cost by list. It ships with the product as two files and so works without the internet; an installation may put newer or
// other files of the same names into a folder, which then stand instead of those.
//
// It is pure: files in, tables out. The inventory applies them when it merges, below everything that a source or a person says.
package reference

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed data/*.yaml
var shipped embed.FS

// The names of the files.
const (
	SupportFile = "end-of-support.yaml"
	PriceFile   = "prices.yaml"
)

// maxFile bounds a file in bytes.
const maxFile = 8 << 20

// unknownDay is the end of a version of which a shorter entry would say what holds for others: a channel of its own, for example.
const unknownDay = "unknown"

// hoursPerMonth is how providers turn an hour's price into a month's.
const hoursPerMonth = 730

// File is where a table comes from.
type File struct {
	Name string
	// Version and Date are what the file says of itself; Shipped that it came with the product.
	Version string
	Date    time.Time
	Shipped bool
	Entries int
}

// Label names a file in provenance.
func (f File) Label() string {
	return fmt.Sprintf("%s %s", strings.TrimSuffix(f.Name, ".yaml"), f.Version)
}

// Support says until when a version of a product is supported.
type Support struct {
	Product string    `yaml:"product"`
	Kind    string    `yaml:"kind"`
	Name    string    `yaml:"name"`
	Version string    `yaml:"version"`
	Until   time.Time `yaml:"-"`
	Source  string    `yaml:"source"`
	Day     string    `yaml:"until"`
}

// Price is what a size costs by list.
type Price struct {
	Provider string  `yaml:"provider"`
	Region   string  `yaml:"region"`
	Flavor   string  `yaml:"flavor"`
	Hourly   float64 `yaml:"hourly"`
	Monthly  float64 `yaml:"monthly"`
	Currency string  `yaml:"currency"`
	Source   string  `yaml:"source"`
}

type document[T any] struct {
	Version string            `yaml:"version"`
	Date    string            `yaml:"date"`
	Sources map[string]string `yaml:"sources"`
	Entries []T               `yaml:"entries"`
}

// Data is both tables, ready to be asked.
type Data struct {
	Files   []File
	support map[string][]Support // by kind, the longest name and version first
	prices  map[[3]string]Price
}

// Load reads the files of a folder, and those that ship where it has none. An empty folder is none.
func Load(folder string) (*Data, error) {
	d := &Data{support: map[string][]Support{}, prices: map[[3]string]Price{}}
	if err := d.loadSupport(folder); err != nil {
		return nil, err
	}
	return d, d.loadPrices(folder)
}

// read takes the folder's file, or else the shipped one.
func read[T any](folder, name string) (document[T], File, error) {
	f := File{Name: name}
	var doc document[T]
	var b []byte
	err := fs.ErrNotExist
	if folder != "" {
		b, err = os.ReadFile(filepath.Join(folder, name))
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.Shipped = true
		b, err = shipped.ReadFile("data/" + name)
	}
	if err != nil {
		return doc, f, fmt.Errorf("read reference data: %w", err)
	}
	return decode[T](f, b)
}

// decode reads the text of a file.
func decode[T any](f File, b []byte) (document[T], File, error) {
	var doc document[T]
	var err error
	name := f.Name
	if len(b) > maxFile {
		return doc, f, fmt.Errorf("read reference data %s: larger than %d bytes", name, maxFile)
	}
	if err := yaml.NewDecoder(bytes.NewReader(b), yaml.Strict()).Decode(&doc); err != nil {
		return doc, f, fmt.Errorf("read reference data %s: %w", name, err)
	}
	f.Version, f.Entries = doc.Version, len(doc.Entries)
	if f.Date, err = time.Parse(time.DateOnly, doc.Date); err != nil || f.Version == "" {
		return doc, f, fmt.Errorf("read reference data %s: it wants a version, and a date such as 2026-11-01", name)
	}
	return doc, f, nil
}

// problem says which entry is wrong.
func problem(name string, i int, what string) error {
	return fmt.Errorf("read reference data %s: entry %d: %s", name, i+1, what)
}

func (d *Data) loadSupport(folder string) error {
	doc, f, err := read[Support](folder, SupportFile)
	if err != nil {
		return err
	}
	return d.takeSupport(doc, f)
}

func (d *Data) takeSupport(doc document[Support], f File) error {
	for i, e := range doc.Entries {
		e.Name = strings.ToLower(strings.TrimSpace(e.Name))
		var day time.Time
		var err error
		if e.Day != unknownDay {
			day, err = time.Parse(time.DateOnly, e.Day)
		}
		switch {
		case err != nil:
			return problem(f.Name, i, "until wants a day such as 2027-04-30, or unknown")
		case e.Kind == "" || e.Name == "" || e.Version == "":
			return problem(f.Name, i, "it wants kind, name and version")
		case doc.Sources[e.Source] == "":
			return problem(f.Name, i, fmt.Sprintf("its source %q is not in sources", e.Source))
		}
		e.Until = day
		e.Version = strings.ToLower(strings.TrimSpace(e.Version))
		d.support[e.Kind] = append(d.support[e.Kind], e)
	}
	for _, list := range d.support {
		slices.SortFunc(list, func(a, b Support) int {
			return cmp.Or(len(b.Name)+len(b.Version)-len(a.Name)-len(a.Version), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
		})
	}
	d.Files = append(d.Files, f)
	return nil
}

func (d *Data) loadPrices(folder string) error {
	doc, f, err := read[Price](folder, PriceFile)
	if err != nil {
		return err
	}
	return d.takePrices(doc, f)
}

func (d *Data) takePrices(doc document[Price], f File) error {
	for i, e := range doc.Entries {
		switch {
		case e.Provider == "" || e.Flavor == "" || len(e.Currency) != 3:
			return problem(f.Name, i, "it wants provider, flavor, and a currency such as EUR")
		case e.Hourly < 0 || e.Monthly < 0 || (e.Hourly > 0) == (e.Monthly > 0):
			return problem(f.Name, i, "it wants hourly or monthly, above 0")
		case doc.Sources[e.Source] == "":
			return problem(f.Name, i, fmt.Sprintf("its source %q is not in sources", e.Source))
		}
		if e.Monthly == 0 {
			e.Monthly = e.Hourly * hoursPerMonth
		}
		d.prices[[3]string{e.Provider, e.Region, e.Flavor}] = e
	}
	d.Files = append(d.Files, f)
	return nil
}

// SupportOf is the entry for a version of a product: the longest one that name and version together begin with, up to a dot or
// another end of a word, since sources draw the line between the two differently ("Windows Server 2019 Standard", "10.0").
func (d *Data) SupportOf(kind, name, version string) (Support, bool) {
	if d == nil || name == "" {
		return Support{}, false
	}
	whole := strings.ToLower(strings.Join(strings.Fields(name+" "+version), " "))
	whole = strings.TrimPrefix(whole, "microsoft ")
	for _, e := range d.support[kind] {
		rest, ok := strings.CutPrefix(whole, e.Name)
		if !ok {
			continue
		}
		rest, ok = strings.CutPrefix(strings.TrimPrefix(strings.TrimLeft(rest, " "), "v"), e.Version)
		if ok && (rest == "" || strings.ContainsRune(". -_(+", rune(rest[0]))) {
			return e, !e.Until.IsZero()
		}
	}
	return Support{}, false
}

// PriceOf is what a flavor costs in a region of a provider; an entry without region is for all.
func (d *Data) PriceOf(provider, region, flavor string) (Price, bool) {
	if d == nil || flavor == "" {
		return Price{}, false
	}
	for _, r := range []string{region, ""} {
		if p, ok := d.prices[[3]string{provider, r, flavor}]; ok {
			return p, true
		}
	}
	return Price{}, false
}

// file finds the facts of a file.
func (d *Data) file(name string) File {
	if d == nil {
		return File{Name: name}
	}
	for _, f := range d.Files {
		if f.Name == name {
			return f
		}
	}
	return File{Name: name}
}

// SupportFile are the facts of the file of supports.
func (d *Data) SupportFile() File { return d.file(SupportFile) }

// PriceFile are the facts of the file of prices.
func (d *Data) PriceFile() File { return d.file(PriceFile) }

// Label names both files with their versions: where it differs, everything is to be derived anew.
func (d *Data) Label() string {
	var out []string
	for _, f := range d.Files {
		out = append(out, f.Label()+" "+f.Date.Format(time.DateOnly))
	}
	return strings.Join(out, "; ")
}
