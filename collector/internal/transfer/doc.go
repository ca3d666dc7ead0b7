// Package transfer brings the inventory in and out in bulk: imports of spreadsheets and of what other systems export, exports
// of lists, edits of all that a filter finds, and taking any of that back.
//
// An import is looked at twice: the first time every row is checked and nothing is written; only when that went well (or
// whoever asked wants wrong rows left out) the second time writes. Rows become edits of the inventory, in batches, and an edit
// writes only what differs: the same file again writes nothing, and one that stopped half-way is finished by importing it
// again or taken back by undoing it.
package transfer
