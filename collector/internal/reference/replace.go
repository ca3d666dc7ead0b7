package reference

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// ErrUnknownFile is of a name that is no reference file's.
var ErrUnknownFile = errors.New("no reference file is called so: want " + SupportFile + " or " + PriceFile)

// EntryChange is one entry in which two versions of a file differ; Old or New is empty where one of them lacks it.
type EntryChange struct {
	Entry    string
	Old, New string
}

// Replaced is what the data would be with another text in the place of one of its files, and in which entries they differ.
func (d *Data) Replaced(name string, text []byte) (*Data, []EntryChange, error) {
	next := &Data{support: map[string][]Support{}, prices: map[[3]string]Price{}}
	if d != nil {
		next.support, next.prices = maps.Clone(d.support), maps.Clone(d.prices)
		for _, f := range d.Files {
			if f.Name != name {
				next.Files = append(next.Files, f)
			}
		}
	}
	f := File{Name: name}
	switch name {
	case SupportFile:
		next.support = map[string][]Support{}
		doc, f, err := decode[Support](f, text)
		if err == nil {
			err = next.takeSupport(doc, f)
		}
		if err != nil {
			return nil, nil, err
		}
		return next, differences(d.supportEntries(), next.supportEntries()), nil
	case PriceFile:
		next.prices = map[[3]string]Price{}
		doc, f, err := decode[Price](f, text)
		if err == nil {
			err = next.takePrices(doc, f)
		}
		if err != nil {
			return nil, nil, err
		}
		return next, differences(d.priceEntries(), next.priceEntries()), nil
	}
	return nil, nil, ErrUnknownFile
}

func (d *Data) supportEntries() map[string]string {
	out := map[string]string{}
	if d == nil {
		return out
	}
	for _, list := range d.support {
		for _, e := range list {
			out[fmt.Sprintf("%s %s %s", e.Kind, e.Name, e.Version)] = e.Day
		}
	}
	return out
}

func (d *Data) priceEntries() map[string]string {
	out := map[string]string{}
	if d == nil {
		return out
	}
	for _, e := range d.prices {
		where := strings.TrimSpace(e.Provider + " " + e.Region)
		out[where+" "+e.Flavor] = strconv.FormatFloat(e.Monthly, 'f', 2, 64) + " " + e.Currency + " a month"
	}
	return out
}

func differences(was, is map[string]string) []EntryChange {
	var out []EntryChange
	for name, old := range was {
		if now := is[name]; now != old {
			out = append(out, EntryChange{Entry: name, Old: old, New: now})
		}
	}
	for name, now := range is {
		if _, had := was[name]; !had {
			out = append(out, EntryChange{Entry: name, New: now})
		}
	}
	slices.SortFunc(out, func(a, b EntryChange) int { return cmp.Compare(a.Entry, b.Entry) })
	return out
}
