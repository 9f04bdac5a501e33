package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// JSON that is nested deeper than maxDepth, or has more values than maxValues, is not decoded: three bytes of it may
// take hundreds of memory.
const maxDepth, maxValues = 200, 20_000

var errTooMuch = fmt.Errorf("it nests deeper than %d, or has more than %d values", maxDepth, maxValues)

// decode reads one JSON value and nothing after it. Numbers keep their digits.
func decode(text []byte, into any) error {
	numbers, ok := scan(text)
	if !ok {
		return errTooMuch
	}
	if !numbers {
		return json.Unmarshal(text, into) // in two thirds of a Decoder's time, but its numbers are float64
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one value")
	}
	return nil
}

// scan reports whether a JSON text has numbers in it, and whether it is small enough to be decoded.
func scan(text []byte) (numbers, ok bool) {
	depth, values, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case quoted:
		case c == '[' || c == '{':
			depth++
			values++
		case c == ']' || c == '}':
			depth--
		case c == ',':
			values++
		case c >= '0' && c <= '9':
			numbers = true
		}
		if depth > maxDepth || values > maxValues {
			return numbers, false
		}
	}
	return numbers, true
}
