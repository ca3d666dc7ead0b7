package mongo

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"maestro.internal/collector/internal/store"
)

type tx struct{ reader }

// op is one operation with its position in the Write.
type op struct {
	store.Write
	at   int
	coll *mongo.Collection
	doc  bson.D
}

// Write sends consecutive operations on one collection together, in order, and goes on behind each that failed
// by its key. All are checked before the first is sent.
func (t tx) Write(ctx context.Context, writes ...store.Write) ([]int, error) {
	ops := make([]op, len(writes))
	for i, w := range writes {
		table, ok := t.s.tables[w.Table]
		if !ok {
			return nil, fmt.Errorf("write rows: table %q is not declared", w.Table)
		}
		if err := store.CheckWrite(table, w); err != nil {
			return nil, err
		}
		c, err := t.s.collection(w.Table, w.Row.Part)
		if err != nil {
			return nil, fmt.Errorf("write rows: %w", err)
		}
		ops[i] = op{Write: w, at: i, coll: c}
		if w.Op != store.Delete {
			if ops[i].doc, err = stored(w.Row); err != nil {
				return nil, fmt.Errorf("write %s %q: %w", w.Table, w.Row.ID, err)
			}
		}
	}
	var conflicts []int
	for len(ops) > 0 {
		n := run(ops)
		lost, err := t.perform(ctx, ops[:n])
		if err != nil {
			return nil, fmt.Errorf("write rows of %s: %w", ops[0].Table, err)
		}
		conflicts = append(conflicts, lost...)
		ops = ops[n:]
	}
	return conflicts, nil
}

func stored(r store.Row) (bson.D, error) {
	d, err := encodeDoc(r.Doc)
	if err != nil {
		return nil, err
	}
	out := bson.D{{Key: "_id", Value: r.ID}, {Key: "t", Value: r.Tenant}, {Key: "v", Value: r.Version}, {Key: "d", Value: d}}
	if len(r.Blob) > 0 {
		out = append(out, bson.E{Key: "b", Value: r.Blob})
	}
	return out, nil
}

// run is how many operations go together. A Replace goes alone: a bulk answers only how many matched, not which.
func run(ops []op) int {
	if ops[0].Op == store.Replace {
		return 1
	}
	n := 1
	for n < len(ops) && ops[n].Op != store.Replace && ops[n].Table == ops[0].Table && ops[n].Row.Part == ops[0].Row.Part {
		n++
	}
	return n
}

func own(r store.Row) bson.D {
	return bson.D{{Key: "_id", Value: r.ID}, {Key: "t", Value: r.Tenant}}
}

func (t tx) perform(ctx context.Context, ops []op) (conflicts []int, err error) {
	if ops[0].Op == store.Replace {
		r := ops[0].Row
		where := append(own(r), bson.E{Key: "v", Value: r.Version - 1})
		res, err := ops[0].coll.ReplaceOne(ctx, where, ops[0].doc)
		if err != nil {
			return nil, err
		}
		if res.MatchedCount == 0 {
			conflicts = append(conflicts, ops[0].at)
		}
		return conflicts, nil
	}
	for len(ops) > 0 {
		models := make([]mongo.WriteModel, len(ops))
		for i, o := range ops {
			models[i] = o.model()
		}
		failed, err := duplicate(ops[0].coll.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(true)))
		if err != nil {
			return nil, err
		}
		if failed < 0 {
			return conflicts, nil
		}
		conflict, err := t.settle(ctx, ops[failed])
		if err != nil {
			return nil, err
		}
		if conflict {
			conflicts = append(conflicts, ops[failed].at)
		}
		ops = ops[failed+1:]
	}
	return conflicts, nil
}

func (o op) model() mongo.WriteModel {
	switch o.Op {
	case store.Insert:
		return mongo.NewInsertOneModel().SetDocument(o.doc)
	case store.Delete:
		return mongo.NewDeleteOneModel().SetFilter(own(o.Row))
	case store.Advance:
		// Where the row is as new already, nothing matches, and the insert that follows meets its key.
		older := append(own(o.Row), bson.E{Key: "v", Value: doc("$lt", o.Row.Version)})
		return mongo.NewReplaceOneModel().SetFilter(older).SetReplacement(o.doc).SetUpsert(true)
	}
	return mongo.NewReplaceOneModel().SetFilter(own(o.Row)).SetReplacement(o.doc).SetUpsert(true)
}

// duplicate finds the operation of a bulk that met a key already there, -1 if none did.
func duplicate(_ *mongo.BulkWriteResult, err error) (int, error) {
	if err == nil {
		return -1, nil
	}
	var be mongo.BulkWriteException
	if !errors.As(err, &be) || be.WriteConcernError != nil || len(be.WriteErrors) == 0 {
		return 0, err
	}
	// mongo-java-server goes on after a failed update and answers all of them; doing those again changes nothing.
	first := be.WriteErrors[0].Index
	for _, e := range be.WriteErrors {
		if !isDuplicate(e.Code) {
			return 0, err
		}
		first = min(first, e.Index)
	}
	return first, nil
}

func isDuplicate(code int) bool { return code == 11000 || code == 11001 || code == 12582 }

// settle decides what an operation that met a key comes to. For Put and Advance that may also be another collector
// that inserted the row between the server's look and its insert; then they are tried again.
func (t tx) settle(ctx context.Context, o op) (conflict bool, err error) {
	if o.Op == store.Insert {
		return true, nil
	}
	for range 10 {
		var have storedRow
		err := o.coll.FindOne(ctx, doc("_id", o.Row.ID), options.FindOne().SetProjection(bson.D{{Key: "t", Value: 1}, {Key: "v", Value: 1}})).Decode(&have)
		switch {
		case err != nil && !errors.Is(err, mongo.ErrNoDocuments):
			return false, err
		case err == nil && have.Tenant != o.Row.Tenant:
			return true, nil
		case err == nil && o.Op == store.Advance && have.Version >= o.Row.Version:
			return false, nil
		}
		failed, err := duplicate(o.coll.BulkWrite(ctx, []mongo.WriteModel{o.model()}))
		if err != nil || failed < 0 {
			return false, err
		}
	}
	return false, fmt.Errorf("row %q changes faster than it can be written", o.Row.ID)
}
