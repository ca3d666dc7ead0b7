package mongo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.mongodb.org/mongo-driver/v2/bson"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/store/storetest"
	"maestro.internal/sdk/schema"
)

// usable are the names of the indexes that an explained query may be answered with: of the plan that won and of those it
// was compared with, since on a small collection any of them may win.
func usable(plan bson.M) []string {
	var names []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case bson.M:
			if name, ok := v["indexName"].(string); ok {
				names = append(names, name)
			}
			for _, child := range v {
				walk(child)
			}
		case bson.D:
			for _, e := range v {
				if name, ok := e.Value.(string); ok && e.Key == "indexName" {
					names = append(names, name)
				}
				walk(e.Value)
			}
		case bson.A:
			for _, child := range v {
				walk(child)
			}
		}
	}
	walk(plan["queryPlanner"])
	return names
}

// A plan as MongoDB 6 to 8 write it: the look into it is tested where no MongoDB is.
func TestUsable(t *testing.T) {
	plan := bson.M{"queryPlanner": bson.M{
		"winningPlan": bson.D{{Key: "stage", Value: "LIMIT"}, {Key: "inputStage", Value: bson.D{{Key: "stage", Value: "FETCH"},
			{Key: "inputStage", Value: bson.D{{Key: "stage", Value: "IXSCAN"}, {Key: "indexName", Value: "ix_name"}}}}}},
		"rejectedPlans": bson.A{bson.M{"queryPlan": bson.M{"stage": "IXSCAN", "indexName": "list"}}},
	}}
	got := usable(plan)
	slices.Sort(got)
	if !slices.Equal(got, []string{"ix_name", "list"}) {
		t.Errorf("%v", got)
	}
}

// Whatever a schema marks as indexed is answered with its index by a MongoDB: the stand-ins of CI plan otherwise, so this
// asks only a real one.
func TestEveryIndexedFieldIsSearched(t *testing.T) {
	uri := ""
	for _, server := range storetest.Servers() {
		if server.Name == "mongodb" {
			uri = server.URI
		}
	}
	if uri == "" {
		t.Skip("no real MongoDB is named: set MAESTRO_TEST_MONGO_URI=mongodb://...")
	}
	s, err := Open(t.Context(), Options{URI: uri, Database: "maestro_test_" + strings.ReplaceAll(uuid.NewString(), "-", ""), Tables: inventory.Tables()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(s.db.Drop(context.Background()), s.Close()); err != nil { // the test's own context is over
			t.Error(err)
		}
	})
	for _, k := range schema.Builtin() {
		if err := s.EnsurePart(t.Context(), "resources", k.Name, inventory.Indexes(k)); err != nil {
			t.Fatal(err)
		}
		set := inventory.FieldsOf(k)
		texts := []string{`name = a`, `name = a*`, `datacenter = d`, `connection = c`, `identifiers = i`, `updated_at > -30d`, `tags.env = prod`, `tags:env`, `web`}
		for _, f := range k.Fields {
			if !f.Indexed || f.Sensitive || f.Type != schema.TypeString {
				continue
			}
			name, value := "attributes."+f.Path, "a"
			if enum := set.Enum(name); len(enum) > 0 {
				value = enum[0]
			}
			if _, ok := set.Field(name); ok {
				texts = append(texts, name+" = "+value)
			}
		}
		for _, text := range texts {
			where, _, err := filter.Parse(text, set, time.Now())
			if err != nil {
				t.Fatalf("%s: %v", k.Name, err)
			}
			plan, err := s.explain(t.Context(), store.Query{Table: "resources", Tenant: "t", Part: k.Name, Where: where})
			if err != nil {
				t.Fatal(err)
			}
			names := usable(plan)
			if !slices.ContainsFunc(names, func(name string) bool { return name != "_id_" && !strings.HasPrefix(name, "ix_list_") }) {
				t.Errorf("%s where %s has only %v to be answered with", k.Name, text, names)
			}
		}
	}
}

// explain is the server's plan of a list.
func (s *Store) explain(ctx context.Context, q store.Query) (bson.M, error) {
	c, where, err := reader{s}.where(q)
	if err != nil {
		return nil, err
	}
	var plan bson.M
	find := bson.D{{Key: "find", Value: c.Name()}, {Key: "filter", Value: where}, {Key: "limit", Value: 51}}
	err = s.db.RunCommand(ctx, bson.D{{Key: "explain", Value: find}, {Key: "verbosity", Value: "queryPlanner"}}).Decode(&plan)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	return plan, nil
}
