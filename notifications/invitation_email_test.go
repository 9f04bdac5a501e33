package notifications_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/auth"
	"foyer/ent/roomaccess"
	"foyer/internal/fault"
	"foyer/notifications"
	"foyer/rooms"
	"foyer/test/env"
)

// received returns how many e-mails each address has received.
func (w *world) received() map[string]int {
	count := map[string]int{}
	for _, m := range w.smtp.Received() {
		count[m.To]++
	}
	return count
}

func TestEachPersonIsInvitedInTheirOwnEmail(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		ctx, r := w.host("Ada Lovelace", "Analytical Engine")
		invited := w.invite(ctx, r, "Bob@Example.com", "eve@example.com", "bob@example.com ")
		assert.Equal(t, []string{"bob@example.com", "eve@example.com"}, invited)
		w.untilDelivered()
		assert.Equal(t, map[string]int{"bob@example.com": 1, "eve@example.com": 1}, w.received())
		for _, m := range w.smtp.Received() {
			subject, parts := read(t, m)
			assert.Equal(t, "Ada Lovelace invites you to “Analytical Engine”", subject)
			for kind, text := range parts {
				assert.Contains(t, text, "https://meet.example.org/"+r.Slug, kind)
				assert.Contains(t, text, "Ada Lovelace", kind)
				assert.Contains(t, text, "Analytical Engine", kind)
			}
			assert.Len(t, parts, 2)
			assert.Equal(t, "<"+m.To+">", m.Parse(t).Header.Get("To"), "no other address is disclosed")
			assert.Equal(t, 1, strings.Count(string(m.Raw), "@example.com"))
		}
	})
}

func TestInvitationIsInTheLanguageOfItsRecipient(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		languages := map[string]string{ // an address and its account's language
			"a@example.com": "fr-CA", "b@example.com": "en-GB", "c@example.com": "FR",
			"d@example.com": "de", "e@example.com": "not a language", "f@example.com": "",
		}
		emails := []string{"stranger@example.com"}
		for email, language := range languages {
			w.account("Somebody", email, language)
			emails = append(emails, email)
		}
		french := w.account("Émilie", "emilie@example.org", "fr")
		r, err := w.Rooms.Create(env.As(french), rooms.CreateInput{Name: "Salon"})
		require.NoError(t, err)
		w.invite(env.As(french), r, emails...)
		w.untilDelivered()
		in := map[string]string{}
		for _, m := range w.smtp.Received() {
			subject, parts := read(t, m)
			switch subject {
			case "Émilie invites you to “Salon”":
				in[m.To] = "en"
			case "Émilie vous invite à rejoindre «\u00a0Salon\u00a0»":
				in[m.To] = "fr"
			}
			assert.Contains(t, parts["text/html"], `<html lang="`+in[m.To]+`">`)
			hello := map[string]string{"en": "Hello,", "fr": "Bonjour,"}[in[m.To]]
			assert.Contains(t, parts["text/html"], hello)
			assert.True(t, strings.HasPrefix(parts["text/plain"], hello), parts["text/plain"])
		}
		assert.Equal(t, map[string]string{
			"stranger@example.com": "fr", "a@example.com": "fr", "b@example.com": "en",
			"c@example.com": "fr", "d@example.com": "en", "e@example.com": "en", "f@example.com": "en",
		}, in)
	})
}

// TestNamesInAnInvitationAreHarmless: names of accounts and rooms may be older than the rules for them.
func TestNamesInAnInvitationAreHarmless(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, shown string }{
		{`"Quotes" & 'such'`, `"Quotes" & 'such'`},
		{"<script>alert(1)</script><img src=x onerror=y>", "<script>alert(1)</\u200bscript>"},
		{"Zoë 🦊 会議 שלום", "Zoë 🦊 会議 שלום"},
		{"line\r\nBcc: victim@example.net\r\n\r\nbody", "line Bcc: victim@\u200bexample.\u200bnet body"},
		{"turned \u202egro.live", "turned gro.\u200blive"},
		{"free phones: https://evil.example/x, www.evil.example", "https://\u200bevil.\u200bexample/\u200bx"},
		{"www。evil．example｡com", "www。\u200bevil．\u200bexample｡\u200bcom"},
		{"{{.Link}} {{template \"x\"}}", "{{.\u200bLink}} {{template \"x\"}}"},
		{"%s %d =?utf-8?q?=0D=0A?=", "%s %d =?utf-8?q?=0D=0A?="},
		{"Dr. Who: the end", "Dr. Who: the end"},
	}
	onEachDatabase(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		for i, test := range tests {
			ctx, r := w.host("Ada", "Room")
			w.DB.Room.UpdateOne(r).SetName(test.name).ExecX(t.Context())
			to := fmt.Sprintf("guest%d@example.com", i)
			w.invite(ctx, r, to)
			w.untilDelivered()
			got := w.smtp.Received()
			require.Len(t, got, i+1)
			assert.Equal(t, to, got[i].To)
			header := got[i].Parse(t).Header
			assert.Empty(t, header.Get("Bcc"))
			assert.Equal(t, []string{"<" + to + ">"}, header["To"])
			subject, parts := read(t, got[i])
			assert.Contains(t, subject, test.shown, test.name)
			assert.Contains(t, parts["text/plain"], test.shown, test.name)
			html := parts["text/html"]
			assert.NotContains(t, html, "<script")
			assert.NotContains(t, html, "<img")
			assert.NotContains(t, html, "evil.example")
			assert.Equal(t, 2, strings.Count(html, "href="), "both links are to the room")
			assert.Equal(t, 2, strings.Count(html, `href="https://meet.example.org/`+r.Slug+`"`))
			for _, text := range []string{subject, parts["text/plain"], html} {
				assert.False(t, strings.ContainsAny(text, "\u202e\r"), "%q", text)
			}
		}
	})
}

func TestInvitationSaysThatItGivesARole(t *testing.T) {
	t.Parallel()
	onEachDatabase(t, func(t *testing.T, w *world) {
		w.smtp.Start()
		w.deliver()
		french := w.account("Émilie", "emilie@example.org", "fr")
		r, err := w.Rooms.Create(env.As(french), rooms.CreateInput{Name: "Salon"})
		require.NoError(t, err)
		for _, again := range []bool{false, true} { // the second time Bob has a provisional account
			_, err = w.Invite(env.As(french), notifications.InviteInput{
				RoomID: r.ID, Emails: []string{"bob@example.com"}, Role: new(roomaccess.RoleMEMBER),
			})
			require.NoError(t, err)
			w.untilDelivered()
			got := w.smtp.Received()
			_, parts := read(t, got[len(got)-1])
			for kind, text := range parts {
				assert.Contains(t, text, "Connectez-vous avec cette adresse", "%s %t", kind, again)
				assert.NotContains(t, text, "Aucun compte", kind)
			}
		}
		bob, err := w.People.SignIn(t.Context(), auth.Identity{
			Subject: "bob", Email: "bob@example.com", EmailVerified: true, FullName: "Bob",
		})
		require.NoError(t, err)
		role, err := w.Rooms.RoleOf(t.Context(), r.ID, bob.ID)
		require.NoError(t, err)
		assert.Equal(t, roomaccess.RoleMEMBER, role)

		owners := notifications.InviteInput{
			RoomID: r.ID, Emails: []string{"eve@example.com"}, Role: new(roomaccess.RoleOWNER),
		}
		_, err = w.Invite(env.As(french), owners)
		env.RequireFault(t, fault.Invalid, err)
		assert.Equal(t, "role", fault.Of(err).Details["field"])
		assert.Len(t, w.smtp.Received(), 2)
	})
}
