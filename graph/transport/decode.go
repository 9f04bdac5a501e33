package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"
)

// A text that nests deeper than maxDepth, or has more values than maxValues, is not decoded: three bytes may become
// hundreds.
const maxDepth, maxValues = 200, 20_000

var errTooMuch = fmt.Errorf("it nests deeper than %d, or has more than %d values", maxDepth, maxValues)

// decode reads one JSON value and nothing after it. Numbers keep their digits.
func decode(text []byte, into any) error {
	if params, ok := into.(*graphql.RawParams); ok && decodePlain(text, params) {
		return nil
	}
	if !decodable(text) {
		return errTooMuch
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

// decodable counts what a JSON text would be decoded to, without decoding it.
func decodable(text []byte) bool {
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
		}
		if depth > maxDepth || values > maxValues {
			return false
		}
	}
	return true
}

// decodePlain reads a request as nearly every client writes it, in a quarter of encoding/json's time, and reports
// whether it could. Whatever is out of the ordinary it leaves to that as a whole, with params as they were:
// what is not well-formed or deep, other names or one twice, fractions, escapes by number. So what a request
// means, and which are refused, is encoding/json's to say; a test compares both.
func decodePlain(text []byte, params *graphql.RawParams) bool {
	p, read, seen := plainJSON{text: text}, *params, 0
	once := func(member int) bool {
		seen ^= member
		return seen&member != 0
	}
	ok := p.members(func(name []byte) bool {
		switch string(name) {
		case "query":
			return once(1) && p.textInto(&read.Query)
		case "operationName":
			return once(2) && p.textInto(&read.OperationName)
		case "variables":
			return once(4) && p.objectInto(&read.Variables)
		case "extensions":
			return once(8) && p.objectInto(&read.Extensions)
		}
		return false
	})
	if p.space(); !ok || p.at != len(text) {
		return false
	}
	*params = read
	return true
}

// plainJSON reads the plainest JSON. Its methods report whether what they read was that; after one that
// was not, the rest cannot be read.
type plainJSON struct {
	text              []byte
	at, depth, values int
}

// plainDepth is how deep values may lie in each other.
const plainDepth = 16

func (p *plainJSON) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\n', '\r', '\t':
			p.at++
		default:
			return
		}
	}
}

// next returns the first byte of what comes; 0 at the end.
func (p *plainJSON) next() byte {
	if p.space(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *plainJSON) take(c byte) bool {
	if p.next() != c {
		return false
	}
	p.at++
	return true
}

func (p *plainJSON) word(word string) bool {
	if p.space(); !bytes.HasPrefix(p.text[p.at:], []byte(word)) {
		return false
	}
	p.at += len(word)
	return true
}

func (p *plainJSON) textInto(into *string) (ok bool) {
	if p.word("null") {
		return true
	}
	*into, ok = p.string()
	return ok
}

func (p *plainJSON) objectInto(into *map[string]any) bool {
	if p.word("null") {
		*into = nil
		return true
	}
	*into = map[string]any{}
	return p.membersInto(*into)
}

func (p *plainJSON) membersInto(object map[string]any) bool {
	return p.members(func(name []byte) bool {
		value, ok := p.value()
		object[string(name)] = value
		return ok
	})
}

// members reads an object, of which member reads each value.
func (p *plainJSON) members(member func(name []byte) bool) bool {
	return p.elements('{', '}', func() bool {
		name, escaped, ok := p.quoted()
		return ok && !escaped && p.take(':') && member(name)
	})
}

// elements reads what stands between two brackets, with a comma between each two.
func (p *plainJSON) elements(opens, closes byte, element func() bool) bool {
	if p.depth++; p.depth > plainDepth || !p.take(opens) {
		return false
	}
	for first := true; !p.take(closes); first = false {
		if p.values++; p.values > maxValues || !first && !p.take(',') || !element() {
			return false
		}
	}
	p.depth--
	return true
}

func (p *plainJSON) value() (value any, ok bool) {
	switch c := p.next(); {
	case c == '"':
		return p.string()
	case c == '{':
		object := map[string]any{}
		return object, p.membersInto(object)
	case c == '[':
		list := []any{}
		ok = p.elements('[', ']', func() bool {
			element, ok := p.value()
			list = append(list, element)
			return ok
		})
		return list, ok
	case c == '-' || c >= '0' && c <= '9':
		return p.integer()
	case p.word("true"):
		return true, true
	case p.word("false"):
		return false, true
	}
	return nil, p.word("null")
}

// integer reads a number. What may follow the digits of one that is none is refused by who reads on.
func (p *plainJSON) integer() (any, bool) {
	from := p.at
	if p.text[p.at] == '-' {
		p.at++
	}
	digits := p.at
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	first := p.at > digits && (p.text[digits] != '0' || p.at == digits+1)
	return json.Number(p.text[from:p.at]), first
}

func (p *plainJSON) string() (string, bool) {
	text, escaped, ok := p.quoted()
	if !ok || !escaped {
		return string(text), ok
	}
	return unescape(text)
}

// quoted reads a string, and returns what stands between the quotation marks.
func (p *plainJSON) quoted() (text []byte, escaped, ok bool) {
	if !p.take('"') {
		return nil, false, false
	}
	from, ascii := p.at, true
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			text = p.text[from:p.at]
			p.at++
			return text, escaped, ascii || utf8.Valid(text)
		case c == '\\':
			escaped = true
			p.at++
		case c < ' ':
			return nil, false, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false, false
}

// unescape returns a text in which a byte is escaped by a backslash and one letter, if all are.
func unescape(text []byte) (string, bool) {
	to := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' {
			i++
			switch c = text[i]; c {
			case '"', '\\', '/':
			case 'n':
				c = '\n'
			case 't':
				c = '\t'
			case 'r':
				c = '\r'
			default:
				return "", false
			}
		}
		to = append(to, c)
	}
	return string(to), true
}
