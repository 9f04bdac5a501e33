package mail_test

import (
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/internal/mail"
)

const emptyBlocks = `{{define "title"}}{{end}}{{define "hello"}}{{end}}{{define "message"}}{{date .At}}{{end}}` +
	`{{define "button"}}{{end}}{{define "link"}}{{end}}{{define "note"}}{{end}}{{define "ignore"}}{{end}}`

type content struct {
	At   time.Time
	Link string
}

// datedTemplate is a template that contains only a date.
func datedTemplate(t *testing.T) mail.Template {
	t.Helper()
	text := &fstest.MapFile{Data: []byte(`{{define "subject"}}{{language}}{{end -}}{{date .At}}`)}
	html := &fstest.MapFile{Data: []byte(emptyBlocks)}
	l, err := mail.ReadTemplate(fstest.MapFS{
		"x/en.txt": text, "x/fr.txt": text, "x/en.html": html, "x/fr.html": html,
	}, "x")
	require.NoError(t, err)
	return l
}

func TestDatesUseTheReadersLanguageAndTimeZone(t *testing.T) {
	t.Parallel()
	l := datedTemplate(t)
	for _, test := range []struct{ at, zone, language, written string }{
		{"2026-01-01T23:30:00Z", "UTC", "en", "Thursday, 1 January 2026 at 23:30 (UTC)"},
		{"2026-01-01T23:30:00Z", "UTC", "fr", "jeudi 1er janvier 2026 à 23:30 (UTC)"},
		{"2026-01-01T23:30:00Z", "Europe/Paris", "fr-CA", "vendredi 2 janvier 2026 à 00:30 (Europe/Paris)"},
		{"2026-08-01T10:05:00Z", "Europe/Paris", "fr", "samedi 1er août 2026 à 12:05 (Europe/Paris)"},
		{"2026-03-01T02:00:00Z", "America/New_York", "en-US", "Saturday, 28 February 2026 at 21:00 (America/New_York)"},
		{"2026-12-31T20:00:00Z", "Asia/Kathmandu", "de", "Friday, 1 January 2027 at 01:45 (Asia/Kathmandu)"},
	} {
		at, err := time.Parse(time.RFC3339, test.at)
		require.NoError(t, err)
		zone, err := time.LoadLocation(test.zone)
		require.NoError(t, err)
		m, err := l.Write(test.language, content{at.In(zone), "https://meet.example.org"})
		require.NoError(t, err)
		assert.Equal(t, test.written, m.Text)
		assert.Contains(t, m.HTML, test.written)
		assert.Contains(t, m.HTML, `<html lang="`+m.Subject+`">`)
	}
}

func TestEveryDayAndMonthHasAFrenchName(t *testing.T) {
	t.Parallel()
	l := datedTemplate(t)
	days, months := map[string]bool{}, map[string]bool{}
	for at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.AddDate(0, 0, 1) {
		m, err := l.Write("fr", content{At: at})
		require.NoError(t, err)
		require.Regexp(t, `^[a-z]+ (1er|[1-9][0-9]?) [a-zûé]+ 2026 à 12:00 \(UTC\)$`, m.Text)
		var day, number, month string
		_, err = fmt.Sscan(m.Text, &day, &number, &month)
		require.NoError(t, err)
		days[day], months[month] = true, true
	}
	assert.Len(t, days, 7)
	assert.Len(t, months, 12)
}

func TestTemplateWithoutALanguageIsRefused(t *testing.T) {
	t.Parallel()
	_, err := mail.ReadTemplate(fstest.MapFS{"x/en.txt": {}, "x/en.html": {}}, "x")
	assert.Error(t, err)
}
