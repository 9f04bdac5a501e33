package rooms

// The tests of pure rules call these.
var (
	ChosenSlug = chosenSlug
	RandomSlug = randomSlug
)
