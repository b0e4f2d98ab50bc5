import { forms } from './forms';
import { layout } from './layout';
import { lists } from './lists';
import { signs } from './signs';
import { theme } from './theme';

export const styles = [theme, layout, lists, forms, signs];
