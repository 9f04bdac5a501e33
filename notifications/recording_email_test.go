package notifications_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/outboxmessage"
	"foyer/ent/recording"
	"foyer/ent/roomaccess"
	"foyer/test/env"
)

func TestOwnersGetEmailInTheirLanguageAndTimeZone(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		w.smtp.Start()
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en-US", "America/New_York")
		r := w.NewRoom(ada, "Zoë’s 🦊 evil.example")
		w.Give(r, w.person("Émilie", "emilie@example.com", "fr-CA", "Europe/Paris"), roomaccess.RoleOWNER)
		w.Give(r, w.person("Admin", "admin@example.com", "en", "UTC"), roomaccess.RoleADMINISTRATOR)
		w.Give(r, w.person("Member", "member@example.com", "en", "UTC"), roomaccess.RoleMEMBER)
		rec := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		w.untilDelivered()
		got := w.emails()
		require.Len(t, got, 2, "only owners get the e-mail")
		link := "https://meet.example.org/recordings/" + rec.ID.String()

		require.Len(t, got["ada@example.com"], 1)
		english := got["ada@example.com"][0]
		assert.Equal(t, "The recording of “Zoë’s 🦊 evil.\u200bexample” is ready", english.subject)
		require.Len(t, got["emilie@example.com"], 1)
		french := got["emilie@example.com"][0]
		assert.Equal(t, "L’enregistrement de «\u00a0Zoë’s 🦊 evil.\u200bexample\u00a0» est prêt", french.subject)
		for _, text := range []string{english.text, english.html} {
			assert.Contains(t, text, "Saturday, 28 February 2026 at 22:30 (America/New_York)")
			assert.Contains(t, strings.ToLower(text), "watch")
			assert.Contains(t, text, link)
			assert.NotContains(t, text, "It is kept until")
			assert.NotContains(t, text, "evil.example")
		}
		for _, text := range []string{french.text, french.html} {
			assert.Contains(t, text, "dimanche 1er mars 2026 à 04:30 (Europe/Paris)")
			assert.Contains(t, strings.ToLower(text), "regarder")
			assert.Contains(t, text, link)
		}
		assert.Equal(t, 2, strings.Count(english.html, `href="`+link+`"`))
		assert.Contains(t, french.html, `<html lang="fr">`)
	})
}

func TestEmailContainsTheModeAndTheExpiry(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		w.smtp.Start()
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "No/Such_Zone") // an unknown time zone counts as UTC
		r := w.NewRoom(ada, "Room")
		w.Give(r, w.person("Émilie", "emilie@example.com", "fr", "Europe/Paris"), roomaccess.RoleOWNER)
		expires := time.Date(2126, 7, 14, 22, 0, 0, 0, time.UTC)
		w.end(w.recording(r, ada, func(c *ent.RecordingCreate) {
			c.SetMode(recording.ModeAUDIO).SetExpiresAt(expires)
		}), recording.StatusSAVED)
		w.untilDelivered()
		got := w.emails()
		english, french := got["ada@example.com"][0], got["emilie@example.com"][0]
		for _, text := range []string{english.text, english.html} {
			assert.Contains(t, text, "It is kept until Sunday, 14 July 2126 at 22:00 (UTC).")
			assert.Contains(t, strings.ToLower(text), "listen to")
		}
		for _, text := range []string{french.text, french.html} {
			assert.Contains(t, text, "Il est conservé jusqu’au lundi 15 juillet 2126 à 00:00 (Europe/Paris).")
			assert.Contains(t, strings.ToLower(text), "écouter")
		}
	})
}

// TestOnlyVerifiedAddressesGetEmail: an unverified address may belong to another person.
func TestOnlyVerifiedAddressesGetEmail(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		w.smtp.Start()
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Room")
		w.Give(r, w.person("Bob", "bob@example.com", "en", "UTC").Update().SetEmailVerified(false).
			SaveX(t.Context()), roomaccess.RoleOWNER)
		w.Give(r, w.person("Carl", "", "en", "UTC"), roomaccess.RoleOWNER)
		provisional := db.User.Create().SetEmail("dora@example.com").SetEmailVerified(true).SaveX(t.Context())
		w.Give(r, provisional, roomaccess.RoleOWNER)
		w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		w.untilDelivered()
		got := w.emails()
		assert.Len(t, got, 1)
		assert.Len(t, got["ada@example.com"], 1)
		assert.Equal(t, 1, db.OutboxMessage.Query().CountX(t.Context()))
		payload := string(db.OutboxMessage.Query().OnlyX(t.Context()).Payload)
		assert.NotContains(t, payload, "ada@", "the outbox stores no addresses")
	})
}

func TestStarterGetsEmailAboutAFailedRecording(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		w.smtp.Start()
		w.deliver()
		r := w.NewRoom(w.person("Ada", "ada@example.com", "en", "UTC"), "Room")
		bob := w.person("Bob", "bob@example.com", "fr", "Europe/Paris")
		w.Give(r, bob, roomaccess.RoleADMINISTRATOR)
		w.end(w.recording(r, bob, nil), recording.StatusFAILED)
		w.end(w.recording(r, bob, nil), recording.StatusABORTED) // not reported
		w.untilDelivered()
		got := w.emails()
		assert.Len(t, got, 1)
		require.Len(t, got["bob@example.com"], 1)
		french := got["bob@example.com"][0]
		assert.Equal(t, "L’enregistrement de «\u00a0Room\u00a0» a échoué", french.subject)
		for _, text := range []string{french.text, french.html} {
			assert.Contains(t, text, "lancé le dimanche 1er mars 2026 à 04:30 (Europe/Paris) a échoué")
			assert.Contains(t, text, "https://meet.example.org/"+r.Slug)
		}
		bob.Update().SetLanguage("en").ExecX(t.Context())
		w.end(w.recording(r, bob, nil), recording.StatusFAILED)
		w.untilDelivered()
		assert.Equal(t, "The recording of “Room” has failed", w.emails()["bob@example.com"][1].subject)
	})
}

// TestDelayedEmailReflectsTheStateOfItsDelivery: its text, its recipients and whether it is sent.
func TestDelayedEmailReflectsTheStateOfItsDelivery(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		w.smtp.Start()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		bob := w.person("Bob", "bob@example.com", "en", "UTC")
		r := w.NewRoom(ada, "Room")
		w.Give(r, bob, roomaccess.RoleOWNER)
		stays := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		deleted := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		expired := w.end(w.recording(r, ada, nil), recording.StatusSAVED)
		late := w.end(w.recording(r, ada, nil), recording.StatusFAILED)
		w.end(late, recording.StatusSAVED) // the file was stored late
		db.Recording.DeleteOne(deleted).ExecX(t.Context())
		expired.Update().SetExpiresAt(time.Now().Add(-time.Second)).ExecX(t.Context())
		db.RoomAccess.Update().Where(roomaccess.UserID(bob.ID)).SetRole(roomaccess.RoleMEMBER).ExecX(t.Context())
		ada.Update().SetEmail("new@example.com").SetLanguage("fr").ExecX(t.Context())
		w.deliver()
		w.untilDelivered()
		got := w.emails()
		assert.Len(t, got, 1)
		var links []string
		for _, l := range got["new@example.com"] {
			assert.Contains(t, l.text, "Bonjour")
			_, rest, _ := strings.Cut(l.text, "https://meet.example.org/recordings/")
			links = append(links, strings.Fields(rest)[0])
		}
		assert.ElementsMatch(t, []string{stays.ID.String(), late.ID.String()}, links)
		unsent := db.OutboxMessage.Query().Where(outboxmessage.FailedAtNotNil()).AllX(t.Context())
		assert.Len(t, unsent, 7, "four to Bob, two about deleted and expired recordings, one about the failure")
		for _, m := range unsent {
			assert.Equal(t, 1, m.Attempts)
		}
	})
}

func TestEmailIsRetriedUntilTheMailServerIsUp(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		w.deliver()
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		w.end(w.recording(w.NewRoom(ada, "Room"), ada, nil), recording.StatusSAVED)
		env.Eventually(t, func(c *assert.CollectT) {
			assert.Greater(c, db.OutboxMessage.Query().OnlyX(t.Context()).Attempts, 2)
		})
		w.smtp.Start()
		w.untilDelivered()
		assert.Len(t, w.emails()["ada@example.com"], 1)
	})
}

func TestRolledBackOrDisabledEmailIsNotSent(t *testing.T) {
	t.Parallel()
	env.OnEachDatabase(t, func(t *testing.T, db *ent.Client) {
		w := newWorld(t, db, nil)
		ada := w.person("Ada", "ada@example.com", "en", "UTC")
		rec := w.recording(w.NewRoom(ada, "Room"), ada, nil)
		require.NoError(t, w.endInTx(rec, recording.StatusSAVED).Rollback())
		assert.Zero(t, db.OutboxMessage.Query().CountX(t.Context()))

		without := newWorld(t, db, withoutEmail)
		without.end(rec, recording.StatusSAVED)
		assert.Zero(t, db.OutboxMessage.Query().CountX(t.Context()))
		assert.Empty(t, without.Deliveries())
	})
}
