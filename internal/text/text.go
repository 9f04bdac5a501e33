// Package text checks the texts that people write and other people see: names, and messages of several lines.
package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"foyer/internal/fault"
)

const (
	maxDisplayName = 100 // characters
	// maxDisplayBytes is LiveKit's limit. Version 1.13 applies it when a participant is renamed.
	maxDisplayBytes = 256
)

// CheckName returns a name, trimmed, or an Invalid error that names the field. Every script and emoji is allowed.
// Characters that hide or reverse the text beside them are not.
func CheckName(field, name string, maxChars int) (string, error) {
	// The first check is cheap for a name of any size.
	if len(name) > 8*maxChars {
		return "", tooLong(field, maxChars)
	}
	if !utf8.ValidString(name) {
		return "", fault.Field(field, "%s is not valid UTF-8", field)
	}
	name = strings.TrimSpace(name)
	switch {
	case !strings.ContainsFunc(name, visible):
		return "", fault.Field(field, "%s has nothing to read", field)
	case utf8.RuneCountInString(name) > maxChars:
		return "", tooLong(field, maxChars)
	case strings.ContainsFunc(name, Deceptive):
		return "", fault.Field(field, "%s contains control or text-direction characters", field)
	}
	return name, nil
}

// lineEnds replaces the line ends and tabs of all systems.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n", "\t", " ")

// emptyLines matches two or more empty lines in a row.
var emptyLines = regexp.MustCompile(`\n[ \n]*\n[ \n]*\n`)

// CheckLines is CheckName for a text of several lines. It writes each line break as "\n" and each tab as a space, and
// keeps at most one empty line in a row.
func CheckLines(field, written string, maxChars int) (string, error) {
	if len(written) > 8*maxChars {
		return "", tooLong(field, maxChars)
	}
	lines := strings.Split(emptyLines.ReplaceAllString(lineEnds.Replace(written), "\n\n"), "\n")
	// CheckName refuses line breaks, and checks everything else.
	if _, err := CheckName(field, strings.Join(lines, " "), maxChars); err != nil {
		return "", err
	}
	return strings.TrimSpace(strings.Join(lines, "\n")), nil
}

// CheckDisplayName is CheckName for the name of a person in a meeting.
func CheckDisplayName(field, name string) (string, error) {
	name, err := CheckName(field, name, maxDisplayName)
	if err == nil && len(name) > maxDisplayBytes {
		return "", fault.Field(field, "%s is longer than %d bytes", field, maxDisplayBytes)
	}
	return name, err
}

func tooLong(field string, maxChars int) error {
	return fault.Field(field, "%s is longer than %d characters", field, maxChars)
}

// visible reports whether a character can be seen. Some letters and symbols cannot.
func visible(r rune) bool {
	blank := unicode.IsSpace(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == '\u2800'
	return unicode.IsOneOf(unicode.GraphicRanges, r) && !blank
}

// Deceptive reports control characters, line breaks and the marks that override the direction of text
// (Unicode UAX #9).
func Deceptive(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) ||
		r == '\u2028' || r == '\u2029' || r == utf8.RuneError
}

// Fit makes a valid display name of any text: it removes what CheckDisplayName refuses, and shortens the rest. The
// result is empty if nothing visible remains.
func Fit(name string) string {
	name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if Deceptive(r) {
			return -1
		}
		return r
	}, name))
	for i, n := 0, 0; i < len(name); n++ {
		_, size := utf8.DecodeRuneInString(name[i:])
		if i += size; i > maxDisplayBytes || n == maxDisplayName {
			name = strings.TrimSpace(name[:i-size])
			break
		}
	}
	if !strings.ContainsFunc(name, visible) {
		return ""
	}
	return name
}
