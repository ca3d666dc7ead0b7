package collector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"maestro.internal/collector/internal/store"
	"maestro.internal/collector/internal/upgrade"
)

// PretendNewer notes an upgrade that this release does not know.
func PretendNewer(ctx context.Context, cfg Config) error {
	st, err := openStore(ctx, cfg.place(), slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	n := len(upgrade.Steps()) + 1
	err = st.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: upgrade.Tables()[0].Name, Op: store.Insert, Row: store.Row{ID: fmt.Sprintf("%06d", n), Version: 1,
			Doc: json.RawMessage(fmt.Sprintf(`{"number":%d,"release":"99"}`, n))}})
		return err
	})
	return errors.Join(err, st.Close())
}

// Tamper edits the newest change of a resource, as somebody with access to the store and without the key could.
func Tamper(ctx context.Context, cfg Config, resource string) (id string, err error) {
	st, err := openStore(ctx, cfg.place(), slog.New(slog.DiscardHandler))
	if err != nil {
		return "", err
	}
	id = resource + "/4"
	err = st.Update(ctx, func(tx store.Tx) error {
		rows, err := tx.Get(ctx, "changes", "default", "", []string{id})
		if err != nil {
			return err
		}
		row := rows[id]
		row.Doc = []byte(strings.Replace(string(row.Doc), "edit 3", "edit X", 1))
		_, err = tx.Write(ctx, store.Write{Table: "changes", Op: store.Put, Row: row})
		return err
	})
	return id, errors.Join(err, st.Close())
}
