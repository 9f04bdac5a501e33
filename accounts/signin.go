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
	maxLanguages = 1 << 10 // bytes of a list of them that is read
)

// SignIn returns the account of a person who has proved who he is: a new one the first time, and
// brought up to date each time. A verified e-mail address brings him the roles that were given to it.
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

// checked returns what is given in the form that accounts have, or an Invalid error.
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

// spoken are the languages of the page and of e-mail, the first for everybody else.
var spoken = []language.Tag{language.English, language.French}

var speaks = language.NewMatcher(spoken)

// languageOf returns the tag of the first of Languages that we speak, or else of English.
func languageOf(who auth.Identity) string {
	for _, wanted := range who.Languages {
		if len(wanted) > maxLanguages {
			continue
		}
		tags, _, err := language.ParseAcceptLanguage(wanted)
		if err != nil {
			continue // it is not for the person to mend
		}
		if _, i, sure := speaks.Match(tags...); sure != language.No {
			return spoken[i].String()
		}
	}
	return spoken[0].String()
}

// timeZoneOf returns the first of TimeZones that is one, or else UTC.
func timeZoneOf(who auth.Identity) string {
	if i := slices.IndexFunc(who.TimeZones, isTimeZone); i >= 0 {
		return who.TimeZones[i]
	}
	return "UTC"
}

// updateFrom brings an account up to date with what is given.
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

// subject returns that of the account which a person signs in to: the person's own or, where the
// setting allows and no account has it, that of the only account with the same address. Both must
// have been verified: else who comes first with another's address would share the other's account.
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
