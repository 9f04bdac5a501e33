package mail

import (
	"fmt"
	"time"
)

// dates formats a time in each language, with the name of its time zone.
var dates = map[string]func(time.Time) string{"en": englishDate, "fr": frenchDate}

func englishDate(t time.Time) string {
	return t.Format("Monday, 2 January 2006 at 15:04 (") + t.Location().String() + ")"
}

var (
	frenchDays = [...]string{
		time.Sunday: "dimanche", time.Monday: "lundi", time.Tuesday: "mardi", time.Wednesday: "mercredi",
		time.Thursday: "jeudi", time.Friday: "vendredi", time.Saturday: "samedi",
	}
	frenchMonths = [...]string{
		time.January: "janvier", time.February: "février", time.March: "mars", time.April: "avril",
		time.May: "mai", time.June: "juin", time.July: "juillet", time.August: "août",
		time.September: "septembre", time.October: "octobre", time.November: "novembre",
		time.December: "décembre",
	}
)

func frenchDate(t time.Time) string {
	day := fmt.Sprint(t.Day())
	if t.Day() == 1 {
		day = "1er"
	}
	return fmt.Sprintf("%s %s %s %d à %s (%s)", frenchDays[t.Weekday()], day, frenchMonths[t.Month()],
		t.Year(), t.Format("15:04"), t.Location())
}
