package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
	"golang.org/x/image/webp"
)

// Limits of what is taken. A picture of MaxPixels needs some 64 MB while it is read, and one is read at a time.
const (
	MaxBytes  = 4 << 20
	MaxPixels = 16_000_000
	maxSide   = 12_000
)

// Shape is what a picture is made into.
type Shape struct {
	// Width and Height are the most it may have.
	Width, Height int
	// Fill cuts the middle out so that the picture has exactly the proportions of Width and Height; otherwise all of it stays.
	Fill bool
}

// The shapes there are.
var (
	Face = Shape{Width: 256, Height: 256, Fill: true}
	Logo = Shape{Width: 480, Height: 160}
)

// InvalidError says why a picture is not taken.
type InvalidError struct{ Problem string }

func (e *InvalidError) Error() string { return e.Problem }

// TooLargeError says which limit a picture breaks.
type TooLargeError struct{ Problem string }

func (e *TooLargeError) Error() string { return e.Problem }

// format is one that is read; what a file is called, or says of itself in a header of the request, does not count.
type format struct {
	magic  func([]byte) bool
	size   func([]byte) (image.Config, error)
	decode func([]byte) (image.Image, error)
}

var formats = []format{
	{begins("\x89PNG\r\n\x1a\n"), configOf(png.DecodeConfig), decodeOf(png.Decode)},
	{begins("\xff\xd8\xff"), configOf(jpeg.DecodeConfig), decodeOf(jpeg.Decode)},
	{begins("GIF8"), configOf(gif.DecodeConfig), decodeOf(gif.Decode)},
	{isWebP, configOf(webp.DecodeConfig), decodeOf(webp.Decode)},
}

func begins(magic string) func([]byte) bool {
	return func(b []byte) bool { return bytes.HasPrefix(b, []byte(magic)) }
}

func isWebP(b []byte) bool {
	return len(b) > 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP"
}

// recode reads a picture and writes a new one, so that nothing of the file itself is kept or served: no script behind an image,
// no place where a photo was taken.
func (s *Service) recode(ctx context.Context, content []byte, shape Shape) (encoded []byte, contentType string, err error) {
	if len(content) > MaxBytes {
		return nil, "", &TooLargeError{fmt.Sprintf("A picture has at most %d MiB.", MaxBytes>>20)}
	}
	f, err := formatOf(content)
	if err != nil {
		return nil, "", err
	}
	select {
	case s.slot <- struct{}{}:
		defer func() { <-s.slot }()
	case <-ctx.Done():
		return nil, "", fmt.Errorf("wait to read a picture: %w", ctx.Err())
	}
	img, err := f.decode(content)
	if err != nil {
		return nil, "", &InvalidError{"The picture cannot be read: it is damaged or not whole."}
	}
	return encode(fit(img, shape))
}

func formatOf(content []byte) (format, error) {
	for _, f := range formats {
		if !f.magic(content) {
			continue
		}
		c, err := f.size(content)
		switch {
		case err != nil || c.Width < 1 || c.Height < 1:
			return f, &InvalidError{"The picture cannot be read: it is damaged or not whole."}
		case c.Width > maxSide || c.Height > maxSide || c.Width*c.Height > MaxPixels:
			return f, &TooLargeError{fmt.Sprintf("The picture has %d x %d pixels; make it smaller, %d million are the most.", c.Width, c.Height, MaxPixels/1_000_000)}
		}
		return f, nil
	}
	return format{}, &InvalidError{"This is no PNG, JPEG, GIF or WebP picture."}
}

// fit cuts and shrinks; what is smaller stays as small.
func fit(img image.Image, shape Shape) *image.NRGBA {
	from := img.Bounds()
	if shape.Fill {
		from = middle(from, shape)
	}
	w, h := from.Dx(), from.Dy()
	if w > shape.Width {
		w, h = shape.Width, max(1, h*shape.Width/w)
	}
	if h > shape.Height {
		w, h = max(1, w*shape.Height/h), shape.Height
	}
	to := image.NewNRGBA(image.Rect(0, 0, w, h))
	draw.CatmullRom.Scale(to, to.Bounds(), img, from, draw.Src, nil)
	return to
}

// middle is the largest part of the proportions of shape, around the centre.
func middle(b image.Rectangle, shape Shape) image.Rectangle {
	w, h := b.Dx(), b.Dy()
	if w*shape.Height > h*shape.Width {
		w = max(1, h*shape.Width/shape.Height)
	} else {
		h = max(1, w*shape.Height/shape.Width)
	}
	at := image.Pt(b.Min.X+(b.Dx()-w)/2, b.Min.Y+(b.Dy()-h)/2)
	return image.Rectangle{Min: at, Max: at.Add(image.Pt(w, h))}
}

// encode takes JPEG for photographs, which are opaque, and PNG for what has holes.
func encode(img *image.NRGBA) ([]byte, string, error) {
	var b bytes.Buffer
	if img.Opaque() {
		if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 88}); err != nil {
			return nil, "", fmt.Errorf("encode picture: %w", err)
		}
		return b.Bytes(), "image/jpeg", nil
	}
	if err := png.Encode(&b, img); err != nil {
		return nil, "", fmt.Errorf("encode picture: %w", err)
	}
	return b.Bytes(), "image/png", nil
}

func configOf(fn func(io.Reader) (image.Config, error)) func([]byte) (image.Config, error) {
	return func(b []byte) (c image.Config, err error) {
		defer survive(&err)
		return fn(bytes.NewReader(b))
	}
}

func decodeOf(fn func(io.Reader) (image.Image, error)) func([]byte) (image.Image, error) {
	return func(b []byte) (img image.Image, err error) {
		defer survive(&err)
		return fn(bytes.NewReader(b))
	}
}

// survive makes of a decoder's panic an error: what it read is foreign.
func survive(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("decode picture: %v", cause)
	}
}
