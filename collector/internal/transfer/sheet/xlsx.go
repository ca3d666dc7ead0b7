package sheet

import (
	"errors"
	"fmt"
	"io"

	"github.com/xuri/excelize/v2"
)

type xlsxReader struct {
	f       *excelize.File
	rows    *excelize.Rows
	columns []string
	number  int
}

// openXLSX reads the values of cells as they are stored; of a formula that is what it came to when the file was saved.
func openXLSX(f io.Reader, opt Options) (Reader, error) {
	book, err := excelize.OpenReader(f, excelize.Options{RawCellValue: true, UnzipSizeLimit: maxXLSX, UnzipXMLSizeLimit: 16 << 20})
	if err != nil {
		return nil, &Error{Problem: "is no Excel workbook that can be read (.xlsx): " + err.Error()}
	}
	r := &xlsxReader{f: book}
	sheets := book.GetSheetList()
	name := opt.Sheet
	if name == "" && len(sheets) > 0 {
		name = sheets[0]
	}
	if r.rows, err = book.Rows(name); err != nil {
		return nil, errors.Join(&Error{Problem: fmt.Sprintf("has no sheet %q; its sheets are %q", name, sheets)}, r.Close())
	}
	header, err := r.record()
	if errors.Is(err, io.EOF) {
		err = &Error{Problem: fmt.Sprintf("sheet %q is empty", name)}
	}
	if err == nil {
		r.columns, err = checkHeader(header)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *xlsxReader) Columns() []string { return r.columns }

func (r *xlsxReader) Next() (Row, error) {
	for {
		cells, err := r.record()
		if err != nil {
			return Row{}, err
		}
		if !blank(cells) {
			return rowOf(r.number, r.columns, cells)
		}
	}
}

func (r *xlsxReader) record() ([]string, error) {
	if !r.rows.Next() {
		if err := r.rows.Error(); err != nil {
			return nil, &Error{Row: r.number + 1, Problem: "cannot be read: " + err.Error()}
		}
		return nil, io.EOF
	}
	r.number++
	cells, err := r.rows.Columns(excelize.Options{RawCellValue: true})
	if err != nil {
		return nil, &Error{Row: r.number, Problem: "cannot be read: " + err.Error()}
	}
	return cells, nil
}

func (r *xlsxReader) Close() error {
	var err error
	if r.rows != nil {
		err = r.rows.Close()
	}
	return errors.Join(err, r.f.Close())
}
