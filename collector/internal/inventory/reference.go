package inventory

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"maestro.internal/collector/internal/reference"
	"maestro.internal/collector/internal/store"
)

// What the inventory knows by reference (until when a product is supported, what a size costs by list) is part of the merge, like
// mapping rules, and stands below everything that a source or a person says.

// referenceRules is raised when the same files give other values, so that all resources are looked at again.
const referenceRules = "2"

// applyReference fills the fields of the common block that nobody has.
func applyReference(rev *revision, deciding []*observed, d *reference.Data) {
	if d == nil || rev.State == Gone || rev.State == Merged {
		return
	}
	set := map[string]any{}
	var attributes any
	read := func(path string) string {
		if attributes == nil {
			attributes = decodeJSON(rev.Attributes)
		}
		v, _ := scalarAt(attributes, path)
		return v
	}
	var name, version string
	switch rev.Kind {
	case "server":
		name, version = read("os.name"), read("os.version")
	case "database", "backing_service":
		name, version = read("engine"), read("version")
	case "software":
		name, version = rev.Name, read("version")
	default:
		return
	}
	common, _ := decodeJSON(rev.Common).(map[string]any)
	if common == nil {
		common = map[string]any{}
	}
	free := func(pointer, field string) bool {
		_, has := common[field]
		return !has && !slices.ContainsFunc(rev.Curated, func(c curated) bool {
			return covers([]string{c.Pointer}, pointer) || covers([]string{pointer}, c.Pointer)
		})
	}
	if e, ok := d.SupportOf(rev.Kind, name, version); ok && free("/common/end_of_support_at", "end_of_support_at") {
		set["end_of_support_at"] = e.Until.UTC().Format(time.RFC3339)
		rev.known(d.SupportFile(), "/common/end_of_support_at")
	}
	if rev.Kind == "server" && len(deciding) > 0 && read("os.family") != "windows" && read("spot") != "true" {
		p, ok := d.PriceOf(deciding[0].provider, rev.Region, read("flavor"))
		if ok && free("/common/monthly_cost", "monthly_cost") {
			f := d.PriceFile()
			set["monthly_cost"] = map[string]any{"amount": math.Round(p.Monthly*100) / 100, "currency": p.Currency, "source": "list price, " + f.Label(),
				"at": f.Date.UTC().Format(time.RFC3339)}
			rev.known(f, "/common/monthly_cost/amount", "/common/monthly_cost/at", "/common/monthly_cost/currency", "/common/monthly_cost/source")
		}
	}
	if len(set) == 0 {
		return
	}
	for field, v := range set {
		common[field] = v
	}
	rev.Common = encodeJSON(common)
}

func (r *revision) known(f reference.File, pointers ...string) {
	r.Provenance = append(r.Provenance, provenance{Pointers: pointers, Actor: "reference:" + f.Label(), At: store.At(f.Date)})
}

// referenceLabel names what is applied now.
func (s *Service) referenceLabel() string {
	if s.opt.Reference == nil {
		return ""
	}
	return s.opt.Reference.Label() + " #" + referenceRules
}

// ReferenceFiles are the files that are applied.
func (s *Service) ReferenceFiles() []reference.File {
	if s.opt.Reference == nil {
		return nil
	}
	return slices.Clone(s.opt.Reference.Files)
}

// FollowReference has all resources of every tenant looked at again when other reference data was applied to them before. It is
// called when a collector starts; the sweeper does the work, in shares, as after a change of the mapping.
func (s *Service) FollowReference(ctx context.Context) error {
	tenants, err := s.opt.Store.Tenants(ctx, tHeads)
	if err != nil {
		return fmt.Errorf("list tenants: %w", err)
	}
	for _, tenant := range tenants {
		if err := s.followReference(ctx, tenant); err != nil {
			return fmt.Errorf("follow reference data: %w", err)
		}
	}
	return nil
}

func (s *Service) followReference(ctx context.Context, tenant string) error {
	total, _, err := s.countUpTo(ctx, store.Query{Table: tHeads, Tenant: tenant}, true)
	if err != nil {
		return err
	}
	return s.opt.Store.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.Get(ctx, tMappingJobs, tenant, "", []string{store.Key(tenant)})
		if err != nil {
			return err
		}
		var job mappingJobDoc
		row, there := rows[store.Key(tenant)]
		if there {
			if job, err = decodeRow[mappingJobDoc](row); err != nil {
				return err
			}
		}
		if job.Reference == s.referenceLabel() {
			return nil
		}
		next, err := encodeRow(store.Key(tenant), tenant, "", row.Version+1, mappingJobDoc{Version: job.Version, State: "running", Total: total,
			Began: store.At(s.now()), Reference: s.referenceLabel()})
		if err != nil {
			return err
		}
		op := store.Replace
		if !there {
			op = store.Insert
		}
		_, err = tx.Write(ctx, store.Write{Table: tMappingJobs, Op: op, Row: next}) // a conflict means that another collector began
		return err
	})
}
