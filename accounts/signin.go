package accounts

import (
	"context"
	"fmt"
	"slices"

	"entgo.io/ent/dialect/sql"
	"golang.org/x/text/language"

	"foyer/auth"
	"foyer/ent"
	"foyer/ent/user"
	"foyer/internal/fault"
	"foyer/internal/text"
)

const (
	maxSubject   = 255     // bytes
	maxFullName  = 200     // characters
	maxLanguages = 1 << 10 // bytes of one list of languages
)

// SignIn returns the account of a person whose identity is verified. It creates the account the first time, and
// updates it each time. A verified e-mail address brings the account the roles that were given to that address.
func (s *Service) SignIn(ctx context.Context, who auth.Identity) (*ent.User, error) {
	who, err := checked(who)
	if err != nil {
		return nil, err
	}
	subject, err := s.subject(ctx, who)
	if err != nil {
		return nil, fmt.Errorf("find account by e-mail: %w", err)
	}
	if who.EmailVerified {
		if err := s.completeProvisional(ctx, who, subject); err != nil {
			return nil, fmt.Errorf("complete provisional account: %w", err)
		}
	}
	id, err := s.db.User.Create().
		SetSubject(subject).SetEmail(who.Email).SetEmailVerified(who.EmailVerified).
		SetFullName(who.FullName).SetShortName(who.ShortName).SetLanguage(languageOf(who)).SetTimeZone(timeZoneOf(who)).
		OnConflict(sql.ConflictColumns(user.FieldSubject)).
		Update(updateFrom(who)).
		ID(ctx)
	if err != nil {
		return nil, fmt.Errorf("sign in: %w", err)
	}
	return s.db.User.Get(ctx, id)
}

// checked returns an identity in the form that accounts have, or an Invalid error.
func checked(who auth.Identity) (_ auth.Identity, err error) {
	if who.FullName != "" {
		who.FullName, err = text.CheckName("name", who.FullName, maxFullName)
	}
	if err == nil && who.Email != "" {
		who.Email, err = checkEmail(who.Email)
	}
	if err == nil && (who.Subject == "" || len(who.Subject) > maxSubject) {
		err = fault.Field("subject", "subject needs 1 to %d bytes", maxSubject)
	}
	who.ShortName = text.Fit(who.ShortName)
	who.EmailVerified = who.EmailVerified && who.Email != ""
	return who, err
}

// spoken are the languages of the page and of e-mails. The first is the default.
var spoken = []language.Tag{language.English, language.French}

var speaks = language.NewMatcher(spoken)

// languageOf returns the first of a person's languages that is among spoken, or else the default.
func languageOf(who auth.Identity) string {
	for _, wanted := range who.Languages {
		if len(wanted) > maxLanguages {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(wanted)
		if err != nil {
			continue // the person cannot correct what their provider says
		}
		if _, i, sure := speaks.Match(tags...); sure != language.No {
			return spoken[i].String()
		}
	}
	return spoken[0].String()
}

// timeZoneOf returns the first of a person's time zones that exists, or else UTC.
func timeZoneOf(who auth.Identity) string {
	if i := slices.IndexFunc(who.TimeZones, isTimeZone); i >= 0 {
		return who.TimeZones[i]
	}
	return "UTC"
}

// updateFrom updates an account with the parts of an identity that are not empty.
func updateFrom(who auth.Identity) func(*ent.UserUpsert) {
	return func(u *ent.UserUpsert) {
		u.UpdateUpdatedAt()
		if who.Email != "" {
			u.UpdateEmail().UpdateEmailVerified()
		}
		if who.FullName != "" {
			u.UpdateFullName()
		}
		if who.ShortName != "" {
			u.UpdateShortName()
		}
	}
}

// subject returns the subject of the account that a person signs in to. It is the person's own, except with
// EmailFallback: a person without an account then signs in to the only account with the same address. The address
// must be verified on both sides: otherwise a person could use somebody else's address to share their account.
func (s *Service) subject(ctx context.Context, who auth.Identity) (string, error) {
	if !s.settings.EmailFallback || !who.EmailVerified {
		return who.Subject, nil
	}
	known, err := s.db.User.Query().Where(user.Subject(who.Subject)).Exist(ctx)
	if err != nil || known {
		return who.Subject, err
	}
	same, err := s.db.User.Query().
		Where(user.Email(who.Email), user.EmailVerified(true), user.SubjectNotNil()).Limit(2).All(ctx)
	if err != nil || len(same) != 1 {
		return who.Subject, err
	}
	return *same[0].Subject, nil
}
