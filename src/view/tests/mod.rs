mod hostile;
mod looks;
mod made;
mod small;
