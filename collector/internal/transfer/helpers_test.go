package transfer

import (
	"errors"

	"maestro.internal/collector/internal/inventory"
	"maestro.internal/collector/internal/transfer/sheet"
)

func asInvalid(err error) bool {
	var invalid *inventory.InvalidError
	var file *sheet.Error
	return errors.As(err, &invalid) || errors.As(err, &file)
}
